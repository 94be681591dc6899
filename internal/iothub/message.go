package iothub

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/sas"
)

// Ack says which outcomes of a message its sender wants feedback on.
type Ack string

// The ack modes of IoT Hub. Source: Microsoft docs,
// iot-hub-devguide-messages-c2d.
const (
	AckNone     Ack = "none"
	AckPositive Ack = "positive" // when the device completes the message
	AckNegative Ack = "negative" // when it never will
	AckFull     Ack = "full"
)

// ackProperty is the application property that carries the ack mode.
const ackProperty = "iothub-ack"

// Message is a cloud-to-device message. Empty fields are not sent.
type Message struct {
	ModuleID        string // of the module of the device that it is for; empty: the device itself
	ID              string // 128 characters at most; feedback refers to it
	CorrelationID   string
	UserID          string
	ContentType     string
	ContentEncoding string
	Body            []byte
	Properties      map[string]string
	Expiry          time.Time // zero: the hub's default, usually one hour
	Ack             Ack       // empty: none
}

// PropertyNames returns the names of the application properties in order.
func (m *Message) PropertyNames() []string { return slices.Sorted(maps.Keys(m.Properties)) }

// Validate returns an error, which is [ErrInvalidMessage], if AMQP has no form
// for the text in m: its strings are UTF-8, and its symbols, which the type and
// the encoding of the content are sent as, are ASCII (AMQP 1.0 part 1 §1.6). The
// AMQP library would give up the connection over it, and over the next.
func (m *Message) Validate() error {
	for _, f := range []struct {
		name, text string
		symbol     bool
	}{
		{"message id", m.ID, false},
		{"correlation id", m.CorrelationID, false},
		{"user id", m.UserID, false},
		{"content type", m.ContentType, true},
		{"content encoding", m.ContentEncoding, true},
	} {
		switch {
		case !utf8.ValidString(f.text):
			return fmt.Errorf("%w: the %s is not UTF-8", ErrInvalidMessage, f.name)
		case f.symbol && strings.ContainsFunc(f.text, isNotASCII):
			return fmt.Errorf("%w: the %s %q is not ASCII", ErrInvalidMessage, f.name, f.text)
		}
	}
	for _, name := range m.PropertyNames() {
		if !utf8.ValidString(name + m.Properties[name]) {
			return fmt.Errorf("%w: the property %q is not UTF-8", ErrInvalidMessage, name)
		}
	}
	return nil
}

func isNotASCII(r rune) bool { return r > unicode.MaxASCII }

// encode returns m as it goes to the device, or to its module.
func (m *Message) encode(deviceID string) *amqp.Message {
	out := amqp.NewMessage(m.Body)
	out.Properties = &amqp.MessageProperties{
		To:              new(receiveAddress(sas.ConnectionString{DeviceID: deviceID, ModuleID: m.ModuleID})),
		ContentType:     optional(m.ContentType),
		ContentEncoding: optional(m.ContentEncoding),
	}
	p := out.Properties
	if m.ID != "" {
		p.MessageID = m.ID
	}
	if m.CorrelationID != "" {
		p.CorrelationID = m.CorrelationID
	}
	if m.UserID != "" {
		p.UserID = []byte(m.UserID)
	}
	if !m.Expiry.IsZero() {
		p.AbsoluteExpiryTime = new(m.Expiry)
	}
	if m.Ack == "" && len(m.Properties) == 0 {
		return out
	}
	out.ApplicationProperties = make(map[string]any)
	for k, v := range m.Properties {
		out.ApplicationProperties[k] = v
	}
	if m.Ack != "" {
		out.ApplicationProperties[ackProperty] = string(m.Ack)
	}
	return out
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Received is a message as it reached the device.
type Received struct {
	Message
	To             string
	SequenceNumber uint64    // of the device's queue
	EnqueuedTime   time.Time // when the hub accepted it
	DeliveryCount  uint32    // how often it was given back before
}

// decode reads a message from the hub. Ids may be of any AMQP id type, and
// annotations of any integer type: hubs and senders differ.
func decode(in *amqp.Message) Received {
	r := Received{Message: Message{Body: body(in), Properties: make(map[string]string)}}
	if p := in.Properties; p != nil {
		r.ID = idString(p.MessageID)
		r.CorrelationID = idString(p.CorrelationID)
		r.UserID = string(p.UserID)
		r.ContentType = deref(p.ContentType)
		r.ContentEncoding = deref(p.ContentEncoding)
		r.Expiry = deref(p.AbsoluteExpiryTime)
		r.To = deref(p.To)
	}
	for k, v := range in.ApplicationProperties {
		if k == ackProperty {
			r.Ack = Ack(fmt.Sprint(v))
			continue
		}
		r.Properties[k] = fmt.Sprint(v)
	}
	r.SequenceNumber = uint64(integer(in.Annotations["x-opt-sequence-number"]))
	r.DeliveryCount = uint32(integer(in.Annotations["iothub-deliverycount"]))
	r.EnqueuedTime, _ = in.Annotations["iothub-enqueuedtime"].(time.Time)
	return r
}

// body returns the content of a message: its data, or the text of a single
// value, which some senders use instead.
func body(in *amqp.Message) []byte {
	if len(in.Data) > 0 {
		return slices.Concat(in.Data...)
	}
	switch v := in.Value.(type) {
	case nil:
		return nil
	case []byte:
		return v
	default:
		return fmt.Append(nil, v)
	}
}

func idString(id any) string {
	switch id := id.(type) {
	case nil:
		return ""
	case []byte:
		return string(id)
	}
	return fmt.Sprint(id)
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
