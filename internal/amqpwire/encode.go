package amqpwire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Append appends the encoding of v to b, in the shortest form that the type
// has. Only a Go type that [Decode] never returns, or an [Array] of mixed or
// twice described elements, is an error.
func Append(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, 0x40), nil
	case bool:
		return append(b, pick[byte](v, 0x41, 0x42)), nil
	case uint32:
		return appendShort(b, uint64(v), 0x43, 0x52, 0x70, 4), nil
	case uint64:
		return appendShort(b, v, 0x44, 0x53, 0x80, 8), nil
	case int32:
		return appendSigned(b, int64(v), 0x54, 0x71, 4), nil
	case int64:
		return appendSigned(b, v, 0x55, 0x81, 8), nil
	case []byte:
		return append(appendLength(b, 0xa0, len(v)), v...), nil
	case string:
		return append(appendLength(b, 0xa1, len(v)), v...), nil
	case Symbol:
		return append(appendLength(b, 0xa3, len(v)), v...), nil
	case List:
		return appendList(b, v)
	case Map:
		return appendMap(b, v)
	case Array:
		return appendArray(b, v)
	case Described:
		return appendDescribed(b, v)
	}
	code, ok := wideCode(v)
	if !ok {
		return nil, fmt.Errorf("encode: no AMQP type for Go type %T", v)
	}
	return appendWide(append(b, code), v)
}

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}

func appendShort(b []byte, v uint64, zero, small, wide byte, width int) []byte {
	switch {
	case v == 0:
		return append(b, zero)
	case v <= math.MaxUint8:
		return append(b, small, byte(v))
	}
	return appendUint(append(b, wide), v, width)
}

func appendSigned(b []byte, v int64, small, wide byte, width int) []byte {
	if v >= math.MinInt8 && v <= math.MaxInt8 {
		return append(b, small, byte(v))
	}
	return appendUint(append(b, wide), uint64(v), width)
}

// appendUint appends the low width bytes of v in network byte order.
func appendUint(b []byte, v uint64, width int) []byte {
	for i := width - 1; i >= 0; i-- {
		b = append(b, byte(v>>(8*i)))
	}
	return b
}

// appendLength appends the code and length of a variable-width value: the code
// given for a one-byte length, the one 0x10 above it for four bytes.
func appendLength(b []byte, code byte, n int) []byte {
	if n <= math.MaxUint8 {
		return append(b, code, byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, code+0x10), uint32(n))
}

// compoundHeader is the room left in front of a container's elements: code,
// four-byte size and four-byte count.
const compoundHeader = 9

// closeCompound fills in the header in front of the elements that start at
// b[start+compoundHeader], and moves them up if the short form will do. The
// code given is the one of the short form.
func closeCompound(b []byte, start int, code byte, count int) []byte {
	body := b[start+compoundHeader:]
	if len(body)+1 <= math.MaxUint8 && count <= math.MaxUint8 {
		b[start], b[start+1], b[start+2] = code, byte(len(body)+1), byte(count)
		n := copy(b[start+3:], body)
		return b[:start+3+n]
	}
	b[start] = code + 0x10
	binary.BigEndian.PutUint32(b[start+1:], uint32(len(body)+4))
	binary.BigEndian.PutUint32(b[start+5:], uint32(count))
	return b
}

func appendList(b []byte, list List) ([]byte, error) {
	if len(list) == 0 {
		return append(b, 0x45), nil
	}
	start := len(b)
	b = append(b, make([]byte, compoundHeader)...)
	for _, v := range list {
		var err error
		if b, err = Append(b, v); err != nil {
			return nil, err
		}
	}
	return closeCompound(b, start, 0xc0, len(list)), nil
}

func appendMap(b []byte, m Map) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, compoundHeader)...)
	for _, p := range m {
		var err error
		if b, err = Append(b, p.Key); err != nil {
			return nil, err
		}
		if b, err = Append(b, p.Value); err != nil {
			return nil, err
		}
	}
	return closeCompound(b, start, 0xc1, 2*len(m)), nil
}

func appendDescribed(b []byte, v Described) ([]byte, error) {
	b, err := appendDescriptor(b, v.Descriptor)
	if err != nil {
		return nil, err
	}
	return Append(b, v.Value)
}

func appendDescriptor(b []byte, descriptor any) ([]byte, error) {
	switch descriptor.(type) {
	case uint64, Symbol:
		return Append(append(b, 0x00), descriptor)
	}
	return nil, fmt.Errorf("encode: descriptor of Go type %T", descriptor)
}
