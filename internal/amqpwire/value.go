package amqpwire

import (
	"encoding/hex"
	"time"
)

// These are the Go forms of the AMQP types (part 1 §1.6). Types that are not
// listed map to the Go type of the same width: boolean is bool, ubyte uint8, ushort
// uint16, uint uint32, ulong uint64, byte int8, short int16, int int32, long
// int64, float float32, double float64, binary []byte, string string, and null
// is nil.
type (
	// Symbol is an ASCII name from a constrained domain.
	Symbol string
	// Char is a single Unicode character.
	Char rune
	// Timestamp is an absolute time in milliseconds since the Unix epoch.
	Timestamp int64
	// UUID is an RFC 4122 identifier in network byte order.
	UUID [16]byte
	// Decimal32 is carried as its IEEE 754 bytes.
	Decimal32 [4]byte
	// Decimal64 is carried as its IEEE 754 bytes.
	Decimal64 [8]byte
	// Decimal128 is carried as its IEEE 754 bytes.
	Decimal128 [16]byte
	// List is a sequence of values of any type.
	List []any
	// Array is a sequence of values that all have one Go type.
	Array []any
	// Map keeps its pairs in wire order. It is a slice because an AMQP key may
	// be of a type that Go cannot hash.
	Map []Pair
	// Pair is one entry of a [Map].
	Pair struct{ Key, Value any }
	// Described is a value with a descriptor that the package does not know.
	Described struct{ Descriptor, Value any }
)

// Get returns the value stored under a key that is the symbol or the string
// named key. The first of several such pairs wins.
func (m Map) Get(key string) (any, bool) {
	for _, p := range m {
		switch k := p.Key.(type) {
		case Symbol:
			if string(k) == key {
				return p.Value, true
			}
		case string:
			if k == key {
				return p.Value, true
			}
		}
	}
	return nil, false
}

// String returns the string or symbol stored under key, or "" if there is none.
func (m Map) String(key string) string {
	switch v, _ := m.Get(key); v := v.(type) {
	case string:
		return v
	case Symbol:
		return string(v)
	}
	return ""
}

// NewTimestamp returns t to the millisecond.
func NewTimestamp(t time.Time) Timestamp { return Timestamp(t.UnixMilli()) }

// Time returns the time that ts stands for, in UTC.
func (ts Timestamp) Time() time.Time { return time.UnixMilli(int64(ts)).UTC() }

// String returns the canonical lower-case form, 8-4-4-4-12.
func (u UUID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
