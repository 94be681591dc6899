package tap

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/amqpwire"
)

// Message is a message with all its values. See package amqpwire.
type Message = amqpwire.Message

// Properties are those of a [Message].
type Properties = amqpwire.Properties

// The keys of the footer in which the guard passes on what go-amqp cannot take, or
// does not tell. They are new in each process, so that no hub can make them up.
var (
	originalKey   = "original-" + rand.Text()
	unreadableKey = "unreadable-" + rand.Text()
)

// Original returns the message as the hub sent it, if go-amqp could not tell all
// of it. Footer is that of go-amqp's message. If go-amqp could not take it,
// unreadable is the reason, and m has what could be read nevertheless.
func Original(footer map[any]any) (m *Message, unreadable string, ok bool) {
	payload, ok := footer[originalKey].([]byte)
	if !ok {
		return nil, "", false
	}
	unreadable, _ = footer[unreadableKey].(string)
	return read(payload), unreadable, true
}

// withOriginal returns the payload to give go-amqp for one that is not plain. If
// go-amqp takes it, that is the payload itself, and the original in a footer for
// what go-amqp does not tell. If not, it is nothing but such a footer.
func withOriginal(payload []byte) []byte {
	reason := refused(payload)
	if reason != "" {
		return appendOriginal(nil, payload, reason)
	}
	if _, err := amqpwire.DecodeMessage(payload); err != nil {
		return payload // go-amqp is less strict: it tells more
	}
	return appendOriginal(slices.Clip(payload), payload, "") // what follows it belongs to others
}

func appendOriginal(b, payload []byte, reason string) []byte {
	footer := amqpwire.Map{{Key: originalKey, Value: payload}}
	if reason != "" {
		footer = append(footer, amqpwire.Pair{Key: unreadableKey, Value: reason})
	}
	b, _ = amqpwire.Append(b, amqpwire.Described{Descriptor: uint64(sectionFooter), Value: footer}) // there is a type for all
	return b
}

// refused returns why go-amqp does not take a message, "" if it does.
func refused(payload []byte) (reason string) {
	if err := formError(payload); err != nil {
		return err.Error()
	}
	defer func() {
		if recover() != nil { // from a map whose key Go cannot have
			reason = "the AMQP library does not take it: invalid map key"
		}
	}()
	if err := new(amqp.Message).UnmarshalBinary(payload); err != nil {
		return fmt.Sprintf("the AMQP library does not take it: %v", err)
	}
	return ""
}

// read decodes a message as far as that is possible, section by section.
func read(payload []byte) *Message {
	if m, err := amqpwire.DecodeMessage(payload); err == nil {
		return m
	}
	told, some := new(Message), false
	for rest := payload; len(rest) > 0; {
		v, next, err := amqpwire.Decode(rest)
		if err != nil {
			break
		}
		m, err := amqpwire.DecodeMessage(rest[:len(rest)-len(next)])
		if err != nil {
			m = readProperties(v)
		}
		some = add(told, m) || some
		rest = next
	}
	if !some {
		told.Data = [][]byte{payload}
	}
	return told
}

// readProperties returns a message with those fields of its properties that are
// as they should be.
func readProperties(v any) *Message {
	section, _ := v.(amqpwire.Described)
	list, _ := section.Value.(amqpwire.List)
	decode := func(fields amqpwire.List) (*Message, error) {
		encoded, _ := amqpwire.Append(nil, amqpwire.Described{Descriptor: uint64(sectionProperties), Value: fields}) // it was decoded
		return amqpwire.DecodeMessage(encoded)
	}
	if section.Descriptor != uint64(sectionProperties) || len(list) > len(propertyFields) {
		return new(Message)
	}
	good := make(amqpwire.List, len(list))
	for i := range list {
		alone := make(amqpwire.List, len(list))
		alone[i] = list[i]
		if _, err := decode(alone); err == nil {
			good[i] = list[i]
		}
	}
	m, err := decode(good)
	if err != nil {
		return new(Message)
	}
	return m
}

// add adds the one section of m to told, and reports whether m has one. Of a body
// it takes the first kind only.
func add(told, m *Message) bool {
	switch {
	case m.Annotations != nil:
		told.Annotations = m.Annotations
	case m.Properties != nil:
		told.Properties = m.Properties
	case m.ApplicationProperties != nil:
		told.ApplicationProperties = m.ApplicationProperties
	case m.Data != nil && told.Sequences == nil && told.Value == nil:
		told.Data = append(told.Data, m.Data...)
	case m.Sequences != nil && told.Data == nil && told.Value == nil:
		told.Sequences = append(told.Sequences, m.Sequences...)
	case m.Value != nil && told.Data == nil && told.Sequences == nil:
		told.Value = m.Value
	default:
		return false
	}
	return true
}
