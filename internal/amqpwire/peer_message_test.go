package amqpwire

import (
	"reflect"
	"time"

	"github.com/Azure/go-amqp"
)

func (s Symbol) peer() amqp.Symbol { return amqp.Symbol(s) }

// toPeer makes go-amqp's form of a message. The symbol function says what a
// symbol becomes, for go-amqp does not give back what it was given.
func toPeer(m *Message, symbol func(Symbol) any) *amqp.Message {
	p := peer{symbol}
	msg := &amqp.Message{
		DeliveryAnnotations: p.annotations(m.DeliveryAnnotations),
		Annotations:         p.annotations(m.Annotations),
		Footer:              p.annotations(m.Footer),
		Data:                m.Data,
		Value:               p.value(m.Value),
	}
	if h := m.Header; h != nil {
		msg.Header = &amqp.MessageHeader{Durable: h.Durable, Priority: 4, FirstAcquirer: h.FirstAcquirer, DeliveryCount: h.DeliveryCount}
		if h.Priority != nil {
			msg.Header.Priority = *h.Priority
		}
		if h.TTL != nil {
			msg.Header.TTL = time.Duration(*h.TTL) * time.Millisecond
		}
	}
	if m.Properties != nil {
		msg.Properties = p.properties(m.Properties)
	}
	if m.ApplicationProperties != nil {
		msg.ApplicationProperties = make(map[string]any)
		for _, pair := range m.ApplicationProperties {
			msg.ApplicationProperties[pair.Key.(string)] = p.value(pair.Value)
		}
	}
	for _, s := range m.Sequences {
		msg.Sequence = append(msg.Sequence, p.list(s))
	}
	return msg
}

type peer struct{ symbol func(Symbol) any }

func (p peer) properties(in *Properties) *amqp.MessageProperties {
	return &amqp.MessageProperties{
		MessageID:          p.value(in.MessageID),
		UserID:             in.UserID,
		To:                 notEmpty(in.To),
		Subject:            notEmpty(in.Subject),
		ReplyTo:            notEmpty(in.ReplyTo),
		CorrelationID:      p.value(in.CorrelationID),
		ContentType:        notEmpty(string(in.ContentType)),
		ContentEncoding:    notEmpty(string(in.ContentEncoding)),
		AbsoluteExpiryTime: peerTime(in.AbsoluteExpiryTime),
		CreationTime:       peerTime(in.CreationTime),
		GroupID:            notEmpty(in.GroupID),
		GroupSequence:      in.GroupSequence,
		ReplyToGroupID:     notEmpty(in.ReplyToGroupID),
	}
}

func notEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func peerTime(ts *Timestamp) *time.Time {
	if ts == nil {
		return nil
	}
	return new(ts.Time())
}

func (p peer) annotations(m Map) amqp.Annotations {
	if m == nil {
		return nil
	}
	return p.mapping(m)
}

func (p peer) mapping(m Map) map[any]any {
	out := make(map[any]any)
	for _, pair := range m {
		out[p.value(pair.Key)] = p.value(pair.Value)
	}
	return out
}

// textKeys gives a map inside a message the Go type that go-amqp reads it as.
func textKeys(m map[any]any) any {
	if len(m) == 0 {
		return m
	}
	out := make(map[string]any)
	for k, v := range m {
		s, ok := k.(string)
		if !ok {
			return m
		}
		out[s] = v
	}
	return out
}

func (p peer) list(list []any) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = p.value(v)
	}
	return out
}

func (p peer) value(v any) any {
	switch v := v.(type) {
	case Symbol:
		return p.symbol(v)
	case UUID:
		return amqp.UUID(v)
	case Timestamp:
		return v.Time()
	case List:
		return p.list(v)
	case Map:
		return textKeys(p.mapping(v))
	case Array:
		return p.array(v)
	case Null:
		return nil
	}
	return v
}

// array makes a slice of the elements' own type. Symbols stay symbols there,
// and so they do in an array that is empty.
func (p peer) array(array Array) any {
	if len(array) == 0 {
		return []amqp.Symbol{}
	}
	p.symbol = func(s Symbol) any { return s.peer() }
	out := reflect.MakeSlice(reflect.SliceOf(reflect.TypeOf(p.element(array[0]))), 0, len(array))
	for _, v := range array {
		out = reflect.Append(out, reflect.ValueOf(p.element(v)))
	}
	return out.Interface()
}

func (p peer) element(v any) any {
	if m, ok := v.(Map); ok {
		return p.mapping(m)
	}
	return p.value(v)
}
