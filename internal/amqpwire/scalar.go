package amqpwire

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// scalars decodes the data of each fixed and variable width code, which has
// the right length already.
var scalars = [256]func([]byte) (any, error){
	0x40: constant(nil),
	0x41: constant(true),
	0x42: constant(false),
	0x43: constant(uint32(0)),
	0x44: constant(uint64(0)),
	0x45: constant(List(nil)),
	0x50: func(b []byte) (any, error) { return b[0], nil },
	0x51: func(b []byte) (any, error) { return int8(b[0]), nil },
	0x52: func(b []byte) (any, error) { return uint32(b[0]), nil },
	0x53: func(b []byte) (any, error) { return uint64(b[0]), nil },
	0x54: func(b []byte) (any, error) { return int32(int8(b[0])), nil },
	0x55: func(b []byte) (any, error) { return int64(int8(b[0])), nil },
	0x56: boolean,
	0x60: func(b []byte) (any, error) { return binary.BigEndian.Uint16(b), nil },
	0x61: func(b []byte) (any, error) { return int16(binary.BigEndian.Uint16(b)), nil },
	0x70: func(b []byte) (any, error) { return binary.BigEndian.Uint32(b), nil },
	0x71: func(b []byte) (any, error) { return int32(binary.BigEndian.Uint32(b)), nil },
	0x72: func(b []byte) (any, error) { return math.Float32frombits(binary.BigEndian.Uint32(b)), nil },
	0x73: func(b []byte) (any, error) { return Char(binary.BigEndian.Uint32(b)), nil },
	0x74: func(b []byte) (any, error) { return Decimal32(b), nil },
	0x80: func(b []byte) (any, error) { return binary.BigEndian.Uint64(b), nil },
	0x81: func(b []byte) (any, error) { return int64(binary.BigEndian.Uint64(b)), nil },
	0x82: func(b []byte) (any, error) { return math.Float64frombits(binary.BigEndian.Uint64(b)), nil },
	0x83: func(b []byte) (any, error) { return Timestamp(binary.BigEndian.Uint64(b)), nil },
	0x84: func(b []byte) (any, error) { return Decimal64(b), nil },
	0x94: func(b []byte) (any, error) { return Decimal128(b), nil },
	0x98: func(b []byte) (any, error) { return UUID(b), nil },
	0xa0: data,
	0xa1: text,
	0xa3: symbol,
	0xb0: data,
	0xb1: text,
	0xb3: symbol,
}

func constant(v any) func([]byte) (any, error) {
	return func([]byte) (any, error) { return v, nil }
}

func boolean(b []byte) (any, error) {
	if b[0] > 1 {
		return nil, malformed("boolean 0x%02x", b[0])
	}
	return b[0] == 1, nil
}

// noData is shared so that an empty binary, which may be as short as one byte,
// costs no memory.
var noData any = []byte{}

func data(b []byte) (any, error) {
	if len(b) == 0 {
		return noData, nil
	}
	return b, nil
}

func text(b []byte) (any, error) {
	if !utf8.Valid(b) {
		return nil, malformed("string is not UTF-8")
	}
	return string(b), nil
}

func symbol(b []byte) (any, error) {
	for _, c := range b {
		if c > 0x7f {
			return nil, malformed("symbol is not ASCII")
		}
	}
	return Symbol(b), nil
}
