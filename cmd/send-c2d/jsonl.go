package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// jsonMessage is a whole message as --jsonl reads it. The names are those that
// simulated-device --output json prints, so that its output can be sent again.
type jsonMessage struct {
	DeviceID        string          `json:"deviceId"`
	MessageID       string          `json:"messageId"`
	CorrelationID   string          `json:"correlationId"`
	UserID          string          `json:"userId"`
	ContentType     string          `json:"contentType"`
	ContentEncoding string          `json:"contentEncoding"`
	Payload         json.RawMessage `json:"payload"`
	PayloadEncoding string          `json:"payloadEncoding"`
	Properties      jsonProperties  `json:"properties"`
	Ack             iothub.Ack      `json:"ack"`
	ExpiryTimeUTC   string          `json:"expiryTimeUtc"`

	// The rest is about a message that was received or planned.
	Event           any `json:"event"`
	N               any `json:"n"`
	DeliveryCount   any `json:"deliveryCount"`
	SequenceNumber  any `json:"sequenceNumber"`
	EnqueuedTimeUTC any `json:"enqueuedTimeUtc"`
	Settlement      any `json:"settlement"`
	ReceivedAt      any `json:"receivedAt"`
}

// jsonProperties are application properties. The values of C2D messages are
// strings.
type jsonProperties map[string]string

// UnmarshalJSON says which property is wrong, which a plain map does not.
func (p *jsonProperties) UnmarshalJSON(text []byte) error {
	var values map[string]any
	if json.Unmarshal(text, &values) != nil {
		return errors.New("properties must be an object")
	}
	*p = make(jsonProperties)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		s, ok := values[name].(string)
		if !ok {
			return fmt.Errorf("property %q must be a string", name)
		}
		(*p)[name] = s
	}
	return nil
}

// events are what the tools print beside messages.
var events = []string{"sent", "feedback", "summary", "purged", "lockLost"}

// isNoMessage reports whether a line is blank, or one of the tools' events that
// is no message.
func isNoMessage(line []byte) bool {
	line = bytes.TrimSpace(line)
	var e struct{ Event string }
	if json.Unmarshal(line, &e) != nil {
		return len(line) == 0
	}
	return slices.Contains(events, e.Event)
}

// decodeLine reads the one object of a line.
func decodeLine(line []byte) (j jsonMessage, err error) {
	if !utf8.Valid(line) {
		return j, errors.New("not a message in JSON: not UTF-8")
	}
	if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("{")) {
		return j, errors.New("not a message in JSON: not an object")
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&j); err != nil {
		return j, fmt.Errorf("not a message in JSON: %w", jsonError(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return j, errors.New("not a message in JSON: more than one value")
	}
	if j.Payload == nil {
		return j, errors.New(`not a message: it has no "payload"`)
	}
	return j, nil
}

// jsonError says what is wrong without Go's words for it.
func jsonError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s must be a string", wrong.Field) // as all are that have a type
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// parseJSONLine reads a message and, if it names one, its device.
func parseJSONLine(out *outgoing, line []byte) error {
	j, err := decodeLine(line)
	if err != nil {
		return err
	}
	if j.DeviceID != "" {
		if err := console.CheckDeviceID(j.DeviceID); err != nil {
			return fmt.Errorf("deviceId: %w", err)
		}
		out.device, out.addressed = j.DeviceID, true
	}
	m := &out.message
	switch m.Ack = j.Ack; m.Ack {
	case "", iothub.AckFull, iothub.AckPositive, iothub.AckNegative, iothub.AckNone:
	default:
		return fmt.Errorf("ack %q is not one of full, positive, negative, none", m.Ack)
	}
	m.ID, m.CorrelationID, m.UserID = j.MessageID, j.CorrelationID, j.UserID
	m.ContentType, m.ContentEncoding = j.ContentType, j.ContentEncoding
	m.Properties = j.Properties
	body, err := j.body()
	if err != nil {
		return err
	}
	m.Body = body
	if j.ExpiryTimeUTC == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, j.ExpiryTimeUTC)
	if err != nil {
		return fmt.Errorf("expiryTimeUtc: %w", err)
	}
	m.Expiry = t
	return nil
}

// body returns the payload: a string's text or bytes, any other JSON value as
// it stands.
func (j *jsonMessage) body() ([]byte, error) {
	if len(j.Payload) == 0 || string(j.Payload) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(j.Payload, &text) != nil {
		return j.Payload, nil
	}
	switch j.PayloadEncoding {
	case "", "utf8":
		return []byte(text), nil
	case "base64":
		body, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("payload: %w", err)
		}
		return body, nil
	}
	return nil, fmt.Errorf("payloadEncoding %q is neither utf8 nor base64", j.PayloadEncoding)
}
