package tap

import (
	"encoding/binary"
	"unicode/utf8"
)

// kinds is a set of kinds of encoded values, which the first byte of a value
// tells (AMQP 1.0 part 1 §1.6).
type kinds uint16

const (
	null kinds = 1 << iota
	boolean
	ubyte
	uints
	ulong
	number // all others that go-amqp takes
	timestamp
	uuid
	binaries
	text
	symbol

	scalar = null | boolean | ubyte | uints | ulong | number | timestamp | uuid | binaries | text
)

// kindOf has 0 for what is no scalar, or none that go-amqp takes: it has no char
// and no decimals.
var kindOf = [256]kinds{
	0x40: null,
	0x41: boolean, 0x42: boolean, 0x56: boolean,
	0x50: ubyte,
	0x43: uints, 0x52: uints, 0x70: uints,
	0x44: ulong, 0x53: ulong, 0x80: ulong,
	0x60: number, 0x51: number, 0x61: number, 0x54: number, 0x71: number, 0x55: number, 0x81: number, 0x72: number, 0x82: number,
	0x83: timestamp,
	0x98: uuid,
	0xa0: binaries, 0xb0: binaries,
	0xa1: text, 0xb1: text,
	0xa3: symbol, 0xb3: symbol,
}

// scalarOf returns the size of the scalar that b begins with, in bytes, 0 if it is
// none of the kinds or incomplete.
func scalarOf(b []byte, of kinds) int {
	if len(b) == 0 || kindOf[b[0]]&of == 0 {
		return 0
	}
	return sizeOf(b)
}

// goodScalarOf is scalarOf, and 0 for a text that is not UTF-8, as AMQP wants it.
func goodScalarOf(b []byte, of kinds) int {
	size := scalarOf(b, of)
	if size > 0 && kindOf[b[0]] == text && !utf8.Valid(b[1+lengthWidth(b[0]):size]) {
		return 0
	}
	return size
}

// sizeOf returns the size of the value that b begins with, which is not described,
// 0 if it is incomplete.
func sizeOf(b []byte) int {
	size, width := 1+fixedWidth(b[0]), lengthWidth(b[0])
	if width > 0 {
		if len(b) < 1+width {
			return 0
		}
		size = 1 + width + lengthAt(b[1:], width)
	}
	if size > len(b) {
		return 0
	}
	return size
}

// fixedWidth returns the size of a value of fixed size, without its code, whose
// high half tells it (part 1 §1.2); of others it returns -1.
func fixedWidth(code byte) int {
	if high := code >> 4; high >= 0x4 && high <= 0x9 {
		return 1 << high >> 5
	}
	return -1
}

// lengthWidth returns the width of the length that follows a code: that of values
// of variable size, compounds and arrays.
func lengthWidth(code byte) int {
	switch code >> 4 {
	case 0xa, 0xc, 0xe:
		return 1
	case 0xb, 0xd, 0xf:
		return 4
	}
	return 0
}

func lengthAt(b []byte, width int) int {
	if width == 1 {
		return int(b[0])
	}
	return int(binary.BigEndian.Uint32(b))
}

// compound is an encoded list or map.
type compound struct {
	elements []byte
	count    int
	size     int // of all of it; 0 if it is no compound, or incomplete
}

// maxCount is how many elements of a list, a map or an array go-amqp takes.
const maxCount = 65536

// The codes of compounds, without the bit that tells the width of the length.
const (
	list0 = 0x45
	lists = 0xc0
	maps  = 0xc1
	wide  = 0x10
)

// compoundOf returns the compound of a code that b begins with.
func compoundOf(b []byte, code byte) (c compound) {
	switch {
	case len(b) == 0:
		return compound{}
	case b[0] == list0 && code == lists:
		return compound{size: 1}
	case b[0]&^wide != code:
		return compound{}
	}
	size, width := sizeOf(b), lengthWidth(b[0])
	if size < 1+2*width {
		return compound{}
	}
	count := lengthAt(b[1+width:], width)
	if count > maxCount {
		return compound{}
	}
	return compound{elements: b[1+2*width : size], count: count, size: size}
}

// isFieldsOf reports whether a list has these kinds of values in this order, and
// nothing else. Values at the end may be missing. at is given where each begins.
func (c compound) isFieldsOf(of []kinds, at []int) bool {
	if c.size == 0 || c.count > len(of) {
		return false
	}
	offset := 0
	for i := range c.count {
		if at != nil {
			at[i] = offset
		}
		size := goodScalarOf(c.elements[offset:], of[i])
		if size == 0 {
			return false
		}
		offset += size
	}
	return offset == len(c.elements)
}

// isMapOf reports whether a map has keys and values of these kinds.
func (c compound) isMapOf(keys, values kinds) bool {
	if c.size == 0 || c.count%2 != 0 {
		return false
	}
	rest := c.elements
	for i := range c.count {
		of := keys
		if i%2 != 0 {
			of = values
		}
		size := goodScalarOf(rest, of)
		if size == 0 {
			return false
		}
		rest = rest[size:]
	}
	return len(rest) == 0
}

// firstUint returns the uint that b begins with.
func firstUint(b []byte) (n uint32, ok bool) {
	if scalarOf(b, uints) == 0 {
		return 0, false
	}
	switch b[0] {
	case 0x52:
		return uint32(b[1]), true
	case 0x70:
		return binary.BigEndian.Uint32(b[1:]), true
	}
	return 0, true
}

// isTrue reports whether the boolean or null that b begins with is true.
func isTrue(b []byte) bool { return b[0] == 0x41 || b[0] == 0x56 && b[1] != 0 }
