package amqpwire

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
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

// appendArray encodes all elements under one constructor, hence in the widest
// form of their type. An empty array has lost its element type and is sent as
// one of symbols, the type of every array that the specification itself uses.
func appendArray(b []byte, array Array) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, compoundHeader)...)
	if len(array) == 0 {
		return closeCompound(append(b, 0xb3), start, 0xe0, 0), nil
	}
	b, err := appendConstructor(b, array[0])
	if err != nil {
		return nil, err
	}
	for _, v := range array {
		if !sameConstructor(v, array[0]) {
			return nil, fmt.Errorf("encode: array of %T holds a %T", array[0], v)
		}
		if b, err = appendWide(b, v); err != nil {
			return nil, err
		}
	}
	return closeCompound(b, start, 0xe0, len(array)), nil
}

func appendConstructor(b []byte, v any) ([]byte, error) {
	if d, ok := v.(Described); ok {
		var err error
		if b, err = appendDescriptor(b, d.Descriptor); err != nil {
			return nil, err
		}
		v = d.Value
	}
	code, ok := wideCode(v)
	if !ok {
		return nil, fmt.Errorf("encode: no AMQP array of Go type %T", v)
	}
	return append(b, code), nil
}

// sameConstructor reports whether v may stand in an array whose constructor
// was made for first, an element that appendConstructor has accepted.
func sameConstructor(v, first any) bool {
	df, ok := first.(Described)
	if !ok {
		return reflect.TypeOf(v) == reflect.TypeOf(first)
	}
	dv, ok := v.(Described)
	return ok && dv.Descriptor == df.Descriptor && reflect.TypeOf(dv.Value) == reflect.TypeOf(df.Value)
}

// wideCode returns the format code that can hold every value of v's type.
func wideCode(v any) (byte, bool) {
	code, ok := wideCodes[reflect.TypeOf(v)]
	return code, ok
}

var wideCodes = map[reflect.Type]byte{
	reflect.TypeFor[bool]():       0x56,
	reflect.TypeFor[uint8]():      0x50,
	reflect.TypeFor[uint16]():     0x60,
	reflect.TypeFor[uint32]():     0x70,
	reflect.TypeFor[uint64]():     0x80,
	reflect.TypeFor[int8]():       0x51,
	reflect.TypeFor[int16]():      0x61,
	reflect.TypeFor[int32]():      0x71,
	reflect.TypeFor[int64]():      0x81,
	reflect.TypeFor[float32]():    0x72,
	reflect.TypeFor[float64]():    0x82,
	reflect.TypeFor[Char]():       0x73,
	reflect.TypeFor[Timestamp]():  0x83,
	reflect.TypeFor[UUID]():       0x98,
	reflect.TypeFor[Decimal32]():  0x74,
	reflect.TypeFor[Decimal64]():  0x84,
	reflect.TypeFor[Decimal128](): 0x94,
	reflect.TypeFor[[]byte]():     0xb0,
	reflect.TypeFor[string]():     0xb1,
	reflect.TypeFor[Symbol]():     0xb3,
	reflect.TypeFor[List]():       0xd0,
	reflect.TypeFor[Map]():        0xd1,
	reflect.TypeFor[Array]():      0xf0,
}

// appendWide appends the data of v without its format code, in the form that
// wideCode names.
func appendWide(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case bool:
		return append(b, pick[byte](v, 1, 0)), nil
	case float32:
		return binary.BigEndian.AppendUint32(b, math.Float32bits(v)), nil
	case float64:
		return binary.BigEndian.AppendUint64(b, math.Float64bits(v)), nil
	case uint8, int8, uint16, int16, uint32, int32, Char, uint64, int64, Timestamp:
		return binary.Append(b, binary.BigEndian, v)
	case UUID, Decimal32, Decimal64, Decimal128:
		return binary.Append(b, binary.BigEndian, v)
	case []byte:
		return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...), nil
	case string:
		return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...), nil
	case Symbol:
		return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...), nil
	case Described:
		return appendWide(b, v.Value)
	}
	return appendWideCompound(b, v)
}

// appendWideCompound appends a container by taking its ordinary encoding and
// widening the header, which is all that differs.
func appendWideCompound(b []byte, v any) ([]byte, error) {
	short, err := Append(nil, v)
	if err != nil {
		return nil, err
	}
	switch code := short[0]; {
	case code == 0x45: // the empty list has neither size nor count
		return append(b, 0, 0, 0, 4, 0, 0, 0, 0), nil
	case code>>4&1 == 0:
		b = binary.BigEndian.AppendUint32(b, uint32(short[1])+3)
		b = binary.BigEndian.AppendUint32(b, uint32(short[2]))
		return append(b, short[3:]...), nil
	}
	return append(b, short[1:]...), nil
}
