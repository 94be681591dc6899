package value

import (
	"time"

	"iothub-c2d/internal/amqpwire"
)

type (
	// Symbol is an ASCII name from a constrained domain.
	Symbol = amqpwire.Symbol
	// Char is a single Unicode character.
	Char = amqpwire.Char
	// Timestamp is an absolute time in milliseconds since the Unix epoch.
	Timestamp = amqpwire.Timestamp
	// UUID is an RFC 4122 identifier in network byte order.
	UUID = amqpwire.UUID
	// Decimal32 is carried as its IEEE 754 bytes.
	Decimal32 = amqpwire.Decimal32
	// Decimal64 is carried as its IEEE 754 bytes.
	Decimal64 = amqpwire.Decimal64
	// Decimal128 is carried as its IEEE 754 bytes.
	Decimal128 = amqpwire.Decimal128
	// List is a sequence of values of any type.
	List = amqpwire.List
	// Array is a sequence of values that all have one type.
	Array = amqpwire.Array
	// Map keeps its pairs in the order of the wire. A key may be of any type.
	Map = amqpwire.Map
	// Pair is one entry of a [Map].
	Pair = amqpwire.Pair
	// Described is a value with a descriptor.
	Described = amqpwire.Described
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
