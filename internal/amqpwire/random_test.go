package amqpwire

import (
	"fmt"
	"math/rand/v2"
)

// generator makes random messages of what both we and go-amqp can say: no
// chars and decimals, which it refuses, no map keys that it cannot hash, and no
// described values, whose Go type it does not export.
type generator struct{ *rand.Rand }

func (g generator) message() *Message {
	m := &Message{
		DeliveryAnnotations: g.annotations(),
		Annotations:         g.annotations(),
		Footer:              g.annotations(),
	}
	if g.maybe() {
		m.Header = g.header()
	}
	if g.maybe() {
		m.Properties = g.properties()
	}
	if g.maybe() {
		m.ApplicationProperties = Map{}
		for i := range g.IntN(5) {
			m.ApplicationProperties = append(m.ApplicationProperties, Pair{fmt.Sprint(i, g.text()), g.simple()})
		}
	}
	switch g.IntN(4) {
	case 0:
		for range g.IntN(4) {
			m.Data = append(m.Data, g.data())
		}
	case 1:
		for range g.IntN(4) {
			m.Sequences = append(m.Sequences, g.list(2))
		}
	case 2:
		m.Value = g.value(3)
	}
	return m
}

func (g generator) maybe() bool { return g.IntN(2) == 0 }

func (g generator) header() *Header {
	return &Header{
		Durable:       g.maybe(),
		Priority:      optionally(g, uint8(g.Uint32())),
		TTL:           optionally(g, g.Uint32()),
		FirstAcquirer: g.maybe(),
		DeliveryCount: g.Uint32(),
	}
}

func (g generator) properties() *Properties {
	return &Properties{
		MessageID:          g.id(),
		UserID:             g.data(),
		To:                 g.text(),
		Subject:            g.text(),
		ReplyTo:            g.text(),
		CorrelationID:      g.id(),
		ContentType:        Symbol(g.ascii()),
		ContentEncoding:    Symbol(g.ascii()),
		AbsoluteExpiryTime: optionally(g, g.timestamp()),
		CreationTime:       optionally(g, g.timestamp()),
		GroupID:            g.text(),
		GroupSequence:      optionally(g, g.Uint32()),
		ReplyToGroupID:     g.text(),
	}
}

func optionally[T any](g generator, v T) *T {
	if g.maybe() {
		return nil
	}
	return &v
}

func (g generator) id() any {
	return []any{nil, g.number(), g.uuid(), g.data(), g.text()}[g.IntN(5)]
}

func (g generator) annotations() Map {
	if g.maybe() {
		return nil
	}
	m := Map{}
	for i := range g.IntN(4) {
		m = append(m, Pair{Symbol(fmt.Sprint(i, g.ascii())), g.value(2)})
	}
	return m
}

// number is small half the time, so that every form comes up.
func (g generator) number() uint64 { return g.Uint64() >> g.IntN(64) }

func (g generator) ascii() string {
	b := make([]byte, g.IntN(5)*g.IntN(80))
	for i := range b {
		b[i] = byte(' ' + g.IntN('~'-' '))
	}
	return string(b)
}

func (g generator) text() string {
	if g.maybe() {
		return g.ascii()
	}
	return g.ascii() + "é€😀"
}

func (g generator) data() []byte { return []byte(g.ascii()) }

func (g generator) uuid() (u UUID) {
	for i := range u {
		u[i] = byte(g.Uint32())
	}
	return u
}

// timestamp is between the years 1 and 9999, as the times of most clients are.
func (g generator) timestamp() Timestamp {
	return Timestamp(g.Int64N(315537897600000) - 62135596800000)
}

// simple is a value of a type that application properties may have.
func (g generator) simple() any {
	n := g.number()
	return []any{
		nil, n%2 == 0, uint8(n), uint16(n), uint32(n), n, int8(n), int16(n), int32(n), int64(n), -int64(n >> 1),
		float32(g.NormFloat64()), g.NormFloat64(), g.text(), Symbol(g.ascii()), g.data(), g.uuid(), g.timestamp(),
	}[g.IntN(18)]
}

func (g generator) value(depth int) any {
	if depth == 0 {
		return g.simple()
	}
	switch g.IntN(6) {
	case 0:
		return g.list(depth - 1)
	case 1:
		m := Map{}
		for i := range g.IntN(4) {
			m = append(m, Pair{fmt.Sprint(i, g.text()), g.value(depth - 1)})
		}
		return m
	case 2:
		return g.array()
	}
	return g.simple()
}

func (g generator) list(depth int) List {
	list := List{}
	for range g.IntN(5) {
		list = append(list, g.value(depth))
	}
	return list
}

// array is of any type but ubyte, for which go-amqp has no exported Go type, and
// those that go-amqp encodes wrongly in an array: timestamps, which overflow
// before 1678 and after 2262, and ints and longs, which it cuts to one octet
// below -128. Reading these is left to the vectors and the named messages.
func (g generator) array() Array {
	array := Array{}
	for n := g.IntN(4); len(array) < n; {
		v := g.simple()
		switch v.(type) {
		case nil, uint8, Timestamp, int32, int64:
			continue
		}
		if len(array) == 0 || sameConstructor(v, array[0]) {
			array = append(array, v)
		}
	}
	return array
}
