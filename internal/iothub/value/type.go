package value

import (
	"time"

	"iothub-c2d/internal/amqpwire"
)

// The values that Go has no type of its own for. See package amqpwire.
type (
	Symbol     = amqpwire.Symbol
	Char       = amqpwire.Char
	Timestamp  = amqpwire.Timestamp // milliseconds since 1970
	UUID       = amqpwire.UUID
	Decimal32  = amqpwire.Decimal32
	Decimal64  = amqpwire.Decimal64
	Decimal128 = amqpwire.Decimal128
	List       = amqpwire.List
	Array      = amqpwire.Array
	Map        = amqpwire.Map // in the order of the wire; a key may be anything
	Pair       = amqpwire.Pair
	Described  = amqpwire.Described
	// Null is null where nil means that there is no value at all.
	Null = amqpwire.Null
)

// NewTimestamp returns a time to the millisecond.
func NewTimestamp(t time.Time) Timestamp { return amqpwire.NewTimestamp(t) }

// Name is the name that AMQP has for a type (part 1 §1.6).
type Name string

// The names that the tools have a use for.
const (
	NameString Name = "string"
	NameNull   Name = "null"
	NameUlong  Name = "ulong"
	NameUUID   Name = "uuid"
	NameBinary Name = "binary"
)

// The names of types with values inside.
const (
	nameList      Name = "list"
	nameArray     Name = "array"
	nameMap       Name = "map"
	nameDescribed Name = "described"
)

// NameOf returns the name of a value's type, "" if Go has it and AMQP has not.
func NameOf(v any) Name {
	switch v.(type) {
	case nil, Null:
		return NameNull
	case string:
		return NameString
	case []byte:
		return NameBinary
	case UUID:
		return NameUUID
	case Symbol:
		return "symbol"
	case Char:
		return "char"
	case Timestamp:
		return "timestamp"
	case List:
		return nameList
	case Array:
		return nameArray
	case Map:
		return nameMap
	case Described:
		return nameDescribed
	}
	return numberName(v)
}

func numberName(v any) Name {
	switch v.(type) {
	case bool:
		return "boolean"
	case uint8:
		return "ubyte"
	case uint16:
		return "ushort"
	case uint32:
		return "uint"
	case uint64:
		return NameUlong
	case int8:
		return "byte"
	case int16:
		return "short"
	case int32:
		return "int"
	case int64:
		return "long"
	case float32:
		return "float"
	case float64:
		return "double"
	case Decimal32:
		return "decimal32"
	case Decimal64:
		return "decimal64"
	case Decimal128:
		return "decimal128"
	}
	return ""
}
