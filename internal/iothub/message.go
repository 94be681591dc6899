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

	"iothub-c2d/internal/iothub/value"
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

// AckProperty is the application property that carries the ack mode.
const AckProperty = "iothub-ack"

// Message is a cloud-to-device message. Empty fields are not sent.
type Message struct {
	ID            string // 128 characters at most; feedback refers to it
	CorrelationID string
	UserID        string

	// The types of these three, if they are not the usual ones, which are text: the
	// field then holds the text of the value, which is base64 for binary. A user id
	// has no other type than binary (AMQP 1.0 part 3 §3.2.4).
	IDType            value.Name
	CorrelationIDType value.Name
	UserIDType        value.Name

	ModuleID        string // of the module of the device that it is for; empty: the device itself
	ContentType     string
	ContentEncoding string
	// Properties are of the types of package value. IoT Hub's documents know strings
	// only.
	Properties map[string]any
	Expiry     time.Time // zero: the hub's default, usually one hour
	Ack        Ack       // empty: none

	// Body is what nearly all messages have. The body may also be one value
	// ([value.Null] for null) or sequences of values. Then Body is their text when a
	// message is received, and not used when one is sent.
	Body      []byte
	Value     any
	Sequences []value.List
}

// PropertyNames returns the names of the application properties in order.
func (m *Message) PropertyNames() []string {
	if len(m.Properties) == 0 {
		return nil // which costs nothing
	}
	return slices.Sorted(maps.Keys(m.Properties))
}

// Validate returns an error, which is [ErrInvalidMessage], if AMQP has no form
// for something in m: its strings are UTF-8, and its symbols, which the type and
// the encoding of the content are sent as, are ASCII (AMQP 1.0 part 1 §1.6). The
// AMQP library would give up the connection over it, and over the next. There are
// also values that the AMQP library cannot send.
func (m *Message) Validate() error {
	if err := m.validateText(); err != nil {
		return err
	}
	for _, id := range []struct {
		name, text string
		typ        value.Name
	}{
		{"message id", m.ID, m.IDType}, {"correlation id", m.CorrelationID, m.CorrelationIDType}, {"user id", m.UserID, m.UserIDType},
	} {
		if id.typ == "" {
			continue // a text
		}
		if _, err := encodeID(id.text, id.typ); err != nil {
			return fmt.Errorf("%w: the %s: %w", ErrInvalidMessage, id.name, err)
		}
	}
	if t := m.UserIDType; t != "" && t != value.NameBinary {
		return fmt.Errorf("%w: the user id cannot be of type %s", ErrInvalidMessage, t)
	}
	for _, name := range m.PropertyNames() {
		if _, err := encodeValue(m.Properties[name]); err != nil {
			return fmt.Errorf("%w: the property %q: %w", ErrInvalidMessage, name, err)
		}
	}
	if _, err := encodeValue(m.Value); err != nil {
		return fmt.Errorf("%w: the body: %w", ErrInvalidMessage, err)
	}
	for _, s := range m.Sequences {
		if _, err := encodeValue(s); err != nil {
			return fmt.Errorf("%w: the body: %w", ErrInvalidMessage, err)
		}
	}
	return nil
}

func (m *Message) validateText() error {
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
		text, _ := m.Properties[name].(string)
		if !utf8.ValidString(name + text) {
			return fmt.Errorf("%w: the property %q is not UTF-8", ErrInvalidMessage, name)
		}
	}
	return nil
}

func isNotASCII(r rune) bool { return r > unicode.MaxASCII }

// encode returns m as it goes to the device, or to its module. It must be valid.
func (m *Message) encode(deviceID string) *amqp.Message {
	out := new(amqp.Message)
	m.encodeBody(out)
	out.Properties = &amqp.MessageProperties{
		To:              new(receiveAddress(sas.ConnectionString{DeviceID: deviceID, ModuleID: m.ModuleID})),
		ContentType:     optional(m.ContentType),
		ContentEncoding: optional(m.ContentEncoding),
	}
	p := out.Properties
	p.MessageID, _ = encodeID(m.ID, m.IDType)
	p.CorrelationID, _ = encodeID(m.CorrelationID, m.CorrelationIDType)
	if m.UserIDType == value.NameBinary {
		id, _ := encodeID(m.UserID, m.UserIDType)
		p.UserID, _ = id.([]byte)
	} else if m.UserID != "" {
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
		out.ApplicationProperties[k], _ = encodeValue(v)
	}
	if m.Ack != "" {
		out.ApplicationProperties[AckProperty] = string(m.Ack)
	}
	return out
}

func (m *Message) encodeBody(out *amqp.Message) {
	switch {
	case m.Value != nil:
		out.Value, _ = encodeValue(m.Value)
	case m.Sequences != nil:
		for _, s := range m.Sequences {
			v, _ := encodeValue(s)
			list, _ := v.([]any)
			out.Sequence = append(out.Sequence, list)
		}
	default:
		out.Data = [][]byte{m.Body}
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// encodeID returns an id for the AMQP library, nil if there is none.
func encodeID(text string, typ value.Name) (any, error) {
	switch {
	case typ == "" && text == "":
		return nil, nil
	case typ == "":
		return text, nil
	}
	v, err := value.Parse(string(typ), text)
	if err != nil {
		return nil, err
	}
	return encodeValue(v)
}
