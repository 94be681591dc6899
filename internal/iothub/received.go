package iothub

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/tap"
	"iothub-c2d/internal/iothub/value"
)

// Received is a message as it reached the device.
type Received struct {
	Message
	To             string
	SequenceNumber uint64    // of the device's queue
	EnqueuedTime   time.Time // when the hub accepted it
	DeliveryCount  uint32    // how often it was given back before
	// Unreadable says why the message could not be read as a whole, empty if it
	// could. The fields then have what could be read. It will not be readable the next
	// time, so there is nothing to do with it but to reject it.
	Unreadable string
}

// decode reads a message from the hub. Ids may be of any AMQP id type, and
// annotations of any integer type: hubs and senders differ.
func decode(in *amqp.Message) Received {
	m, unreadable := original(in)
	r := Received{Unreadable: unreadable}
	r.Properties = make(map[string]any)
	r.decodeBody(m)
	if p := m.Properties; p != nil {
		r.ID, r.IDType = decodeID(p.MessageID)
		r.CorrelationID, r.CorrelationIDType = decodeID(p.CorrelationID)
		r.UserID, r.UserIDType = decodeUserID(p.UserID)
		r.ContentType, r.ContentEncoding, r.To = string(p.ContentType), string(p.ContentEncoding), p.To
		if p.AbsoluteExpiryTime != nil {
			r.Expiry = p.AbsoluteExpiryTime.Time()
		}
	}
	for _, p := range m.ApplicationProperties {
		switch name := value.Text(p.Key); {
		case name == AckProperty && isText(p.Value):
			r.Ack = Ack(value.Text(p.Value))
		default:
			r.Properties[name] = p.Value
		}
	}
	annotation := func(name string) any {
		v, _ := m.Annotations.Get(name)
		return v
	}
	r.SequenceNumber = uint64(integer(annotation("x-opt-sequence-number")))
	r.DeliveryCount = uint32(integer(annotation("iothub-deliverycount")))
	if at, ok := annotation("iothub-enqueuedtime").(value.Timestamp); ok {
		r.EnqueuedTime = at.Time()
	}
	return r
}

// original returns the message as the hub sent it. Of nearly all messages the AMQP
// library tells everything; of the others, the tap has kept what they are.
func original(in *amqp.Message) (m *tap.Message, unreadable string) {
	if m, unreadable, ok := tap.Original(in.Footer); ok {
		return m, unreadable
	}
	m = &tap.Message{Annotations: decodeMap(in.Annotations), Data: in.Data, Value: decodeValue(in.Value)}
	for _, s := range in.Sequence {
		m.Sequences = append(m.Sequences, decodeList(s))
	}
	for k, v := range in.ApplicationProperties {
		m.ApplicationProperties = append(m.ApplicationProperties, value.Pair{Key: decodeValue(k), Value: decodeValue(v)})
	}
	p := in.Properties
	if p == nil {
		return m, ""
	}
	m.Properties = &tap.Properties{
		MessageID: decodeValue(p.MessageID), CorrelationID: decodeValue(p.CorrelationID), UserID: p.UserID, To: deref(p.To),
		ContentType: value.Symbol(deref(p.ContentType)), ContentEncoding: value.Symbol(deref(p.ContentEncoding)),
	}
	if p.AbsoluteExpiryTime != nil {
		m.Properties.AbsoluteExpiryTime = new(value.Timestamp(p.AbsoluteExpiryTime.UnixMilli()))
	}
	return m, ""
}

// decodeBody takes over the content of a message: its data; the text of the single
// value that some senders use instead, and the value itself; or sequences.
func (r *Received) decodeBody(m *tap.Message) {
	switch bytes, isBytes := m.Value.([]byte); {
	case len(m.Data) > 0:
		r.Body = slices.Concat(m.Data...)
	case isBytes:
		r.Value, r.Body = bytes, bytes
	case m.Value != nil:
		r.Value, r.Body = m.Value, []byte(value.Text(m.Value))
	case len(m.Sequences) > 0:
		r.Sequences = m.Sequences
		r.Body = []byte(value.Text(Sections(m.Sequences)))
	}
}

// Sections returns the sequences of a body as one list of lists, whose text is that
// of the body.
func Sections(sequences []value.List) value.List {
	list := make(value.List, len(sequences))
	for i, s := range sequences {
		list[i] = s
	}
	return list
}

func isText(v any) bool {
	switch v.(type) {
	case string, value.Symbol:
		return true
	}
	return false
}

// decodeID returns the text of an id, and its type if it is not a text, or an
// empty one, which is not the same as none.
func decodeID(id any) (text string, typ value.Name) {
	if id == nil {
		return "", ""
	}
	if text, typ = value.Text(id), value.NameOf(id); typ == value.NameString && text != "" {
		typ = ""
	}
	return text, typ
}

// decodeUserID returns a user id, which is text in most messages.
func decodeUserID(id []byte) (text string, typ value.Name) {
	if utf8.Valid(id) {
		return string(id), ""
	}
	return value.Text(id), value.NameBinary
}

func deref[T any](p *T) (zero T) {
	if p == nil {
		return zero
	}
	return *p
}

func integer(v any) int64 {
	switch v := v.(type) {
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		return int64(v)
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case int64:
		return v
	}
	return 0
}
