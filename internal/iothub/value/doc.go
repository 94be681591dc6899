// Package value has AMQP's values in Go, the name of each one's type, and the
// one text that stands for it: in what the tools print, in the environment of a
// command, in rules and templates, and in lines of JSON that are sent again.
//
// The Go types, and nothing else, are:
//
//	AMQP                          Go                      text
//	null                          nil                     none
//	boolean                       bool                    true or false
//	ubyte ushort uint ulong       uint8 ... uint64        5
//	byte short int long           int8 ... int64          -5
//	float double                  float32 float64         2.5, NaN, Infinity
//	char                          Char                    the character
//	decimal32 decimal64 decimal128  Decimal32 ...         0x and the bytes in hexadecimal
//	timestamp                     Timestamp               2026-01-02T03:04:05.678Z
//	uuid                          UUID                    00112233-4455-6677-8899-aabbccddeeff
//	binary                        []byte                  base64
//	string symbol                 string Symbol           itself
//	list array map described      List Array Map Described  JSON
//
// A text and the name of the type give the value back. Of a value with others
// inside, JSON does not tell all types: [Type] does.
//
// The package owns these forms, and no protocol. It may import package amqpwire,
// for the types.
package value
