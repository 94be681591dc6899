package amqpwire

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
)

func (d *decoder) array(code byte) (any, error) {
	if code&0x0f != 0 {
		return nil, malformed("format code 0x%02x", code)
	}
	in, count, err := d.elements(code)
	if err != nil {
		return nil, err
	}
	constructor, descriptor, err := in.constructor()
	if err != nil {
		return nil, err
	}
	// Checked again without the constructor's bytes: elements of width zero
	// would let a few bytes claim thousands of millions of values.
	if count > len(in.b) {
		return nil, malformed("%d array elements in %d bytes", count, len(in.b))
	}
	array := make(Array, count)
	for i := range array {
		v, err := in.primitive(constructor)
		if err != nil {
			return nil, err
		}
		if descriptor != nil {
			v = Described{descriptor, v}
		}
		array[i] = v
	}
	return array, in.finish()
}

// constructor reads the constructor that all elements of an array share: a
// format code, after a descriptor when the elements are described. A second
// descriptor is refused, though the grammar allows it: every element would
// carry them all, so that one byte could claim a thousand.
func (d *decoder) constructor() (code byte, descriptor any, err error) {
	b, err := d.take(1)
	if err != nil {
		return 0, nil, err
	}
	if b[0] != 0x00 {
		return b[0], nil, nil
	}
	if descriptor, err = d.descriptor(); err != nil {
		return 0, nil, err
	}
	if b, err = d.take(1); err != nil {
		return 0, nil, err
	}
	return b[0], descriptor, nil
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
