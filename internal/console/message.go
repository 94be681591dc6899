package console

import (
	"encoding/base64"
	"time"
	"unicode/utf8"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

// MessageFields are the fields of a message in the JSON of both programs: in what
// simulated-device and send-c2d --dry-run print, and in what send-c2d --jsonl
// reads. They hold texts, which package value has for values of every type; a
// type is told if it is not the usual one.
type MessageFields struct {
	DeviceID          string     `json:"deviceId"`
	ModuleID          string     `json:"moduleId,omitempty"`
	MessageID         string     `json:"messageId"`
	MessageIDType     value.Name `json:"messageIdType,omitempty"` // usually string
	CorrelationID     string     `json:"correlationId"`
	CorrelationIDType value.Name `json:"correlationIdType,omitempty"` // usually string
	UserID            string     `json:"userId"`
	UserIDType        value.Name `json:"userIdType,omitempty"` // binary if it is no text
	ContentType       string     `json:"contentType"`
	ContentEncoding   string     `json:"contentEncoding"`
	Payload           string     `json:"payload"`
	PayloadEncoding   string     `json:"payloadEncoding"`       // utf8, base64 or json
	BodyType          string     `json:"bodyType,omitempty"`    // value or sequence; usually data
	PayloadType       any        `json:"payloadType,omitempty"` // of a value that is no string, or of sequences: see value.Type

	// Properties and their types are for templates: null is "" of type null.
	// JSONProperties and JSONPropertyTypes are the same for JSON, where null is null,
	// and only types other than string are told, in full.
	Properties        map[string]string  `json:"-"`
	PropertyTypes     map[string]string  `json:"-"`
	JSONProperties    map[string]*string `json:"properties"`
	JSONPropertyTypes map[string]any     `json:"propertyTypes,omitempty"`
}

// The values of BodyType.
const (
	BodyValue    = "value"
	BodySequence = "sequence"
)

// NewMessageFields returns the fields of a message for a device.
func NewMessageFields(deviceID string, m *iothub.Message) MessageFields {
	f := MessageFields{
		DeviceID: deviceID, ModuleID: m.ModuleID,
		MessageID: m.ID, MessageIDType: m.IDType,
		CorrelationID: m.CorrelationID, CorrelationIDType: m.CorrelationIDType,
		UserID: m.UserID, UserIDType: m.UserIDType,
		ContentType: m.ContentType, ContentEncoding: m.ContentEncoding,
	}
	f.setBody(m)
	f.setProperties(m)
	return f
}

func (f *MessageFields) setBody(m *iothub.Message) {
	f.Payload, f.PayloadEncoding = Payload(m.Body)
	switch {
	case m.Value != nil:
		f.BodyType, f.PayloadType = BodyValue, value.Type(m.Value)
		if f.PayloadType == string(value.NameString) {
			f.PayloadType = nil
		}
		if value.IsCompound(m.Value) {
			f.PayloadEncoding = EncodingJSON
		}
	case m.Sequences != nil:
		f.BodyType, f.PayloadEncoding = BodySequence, EncodingJSON
		f.PayloadType = value.Type(iothub.Sections(m.Sequences))
	}
}

func (f *MessageFields) setProperties(m *iothub.Message) {
	f.Properties, f.JSONProperties = make(map[string]string), make(map[string]*string) // {} rather than null
	if len(m.Properties) == 0 {
		return // as of most messages
	}
	f.PropertyTypes, f.JSONPropertyTypes = make(map[string]string), make(map[string]any)
	for name, v := range m.Properties {
		text, typ := value.Text(v), value.NameOf(v)
		f.Properties[name], f.PropertyTypes[name] = text, string(typ)
		f.JSONProperties[name] = &text
		if typ == value.NameNull {
			f.JSONProperties[name] = nil
		}
		if typ != value.NameString {
			f.JSONPropertyTypes[name] = value.Type(v)
		}
	}
}

// Printable returns f with all texts made safe for a terminal. See [Printable].
func (f MessageFields) Printable() MessageFields {
	for _, text := range []*string{
		&f.MessageID, &f.CorrelationID, &f.UserID, &f.ContentType, &f.ContentEncoding, &f.Payload,
	} {
		*text = Printable(*text)
	}
	f.Properties, f.PropertyTypes = printableMap(f.Properties), printableMap(f.PropertyTypes)
	return f
}

func printableMap(m map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	safe := make(map[string]string, len(m))
	for name, text := range m {
		safe[Printable(name)] = Printable(text)
	}
	return safe
}

// The encodings of a payload.
const (
	EncodingUTF8   = "utf8"
	EncodingBase64 = "base64"
	EncodingJSON   = "json" // of a value with others inside
)

// Payload returns a body as text, and how: "utf8", or "base64" if it is none.
func Payload(body []byte) (text, encoding string) {
	if utf8.Valid(body) {
		return string(body), EncodingUTF8
	}
	return base64.StdEncoding.EncodeToString(body), EncodingBase64
}

// Timestamp returns t in UTC to the millisecond, "" for the zero time.
func Timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
