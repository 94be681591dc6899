package console

import (
	"maps"

	"iothub-c2d/internal/iothub"
)

// MessageFields are what both programs' JSON says of a message: of one that was
// received, and of one that would be sent, which send-c2d --jsonl reads.
type MessageFields struct {
	DeviceID        string            `json:"deviceId"`
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
		DeviceID: deviceID, MessageID: m.ID, CorrelationID: m.CorrelationID, UserID: m.UserID,
		ContentType: m.ContentType, ContentEncoding: m.ContentEncoding,
		Payload: payload, PayloadEncoding: encoding, Properties: properties,
	}
}

// Printable returns f with nothing in it that acts on a terminal.
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
