package console

import (
	"encoding/base64"
	"maps"
	"time"
	"unicode/utf8"

	"iothub-c2d/internal/iothub"
)

// MessageFields are the fields of a message in the JSON of both programs: in what
// simulated-device and send-c2d --dry-run print, and in what send-c2d --jsonl
// reads.
type MessageFields struct {
	DeviceID        string            `json:"deviceId"`
	ModuleID        string            `json:"moduleId,omitempty"`
	MessageID       string            `json:"messageId"`
	CorrelationID   string            `json:"correlationId"`
	UserID          string            `json:"userId"`
	ContentType     string            `json:"contentType"`
	ContentEncoding string            `json:"contentEncoding"`
	Payload         string            `json:"payload"`
	PayloadEncoding string            `json:"payloadEncoding"` // utf8 or base64
	Properties      map[string]string `json:"properties"`
}

// NewMessageFields returns the fields of a message for a device.
func NewMessageFields(deviceID string, m *iothub.Message) MessageFields {
	payload, encoding := Payload(m.Body)
	properties := maps.Clone(m.Properties)
	if properties == nil {
		properties = make(map[string]string) // {} rather than null
	}
	return MessageFields{
		DeviceID: deviceID, ModuleID: m.ModuleID, MessageID: m.ID, CorrelationID: m.CorrelationID, UserID: m.UserID,
		ContentType: m.ContentType, ContentEncoding: m.ContentEncoding,
		Payload: payload, PayloadEncoding: encoding, Properties: properties,
	}
}

// Printable returns f with all texts made safe for a terminal. See [Printable].
func (f MessageFields) Printable() MessageFields {
	for _, text := range []*string{
		&f.MessageID, &f.CorrelationID, &f.UserID, &f.ContentType, &f.ContentEncoding, &f.Payload,
	} {
		*text = Printable(*text)
	}
	properties := make(map[string]string, len(f.Properties))
	for name, value := range f.Properties {
		properties[Printable(name)] = Printable(value)
	}
	f.Properties = properties
	return f
}

// Payload returns a body as text, and how: "utf8", or "base64" if it is none.
func Payload(body []byte) (text, encoding string) {
	if utf8.Valid(body) {
		return string(body), "utf8"
	}
	return base64.StdEncoding.EncodeToString(body), "base64"
}

// Timestamp returns t in UTC to the millisecond, "" for the zero time.
func Timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
