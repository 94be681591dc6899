package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// jsonMessage is a whole message as --jsonl reads it: what simulated-device
// --output json and send-c2d --dry-run print, so that their output can be sent
// again. Payload and Properties take the place of the fields of the same name in
// MessageFields: a payload may be any JSON value here.
type jsonMessage struct {
	console.MessageFields
	Payload       json.RawMessage `json:"payload"`
	Properties    jsonProperties  `json:"properties"`
	Ack           iothub.Ack      `json:"ack"`
	ExpiryTimeUTC string          `json:"expiryTimeUtc"`

	// The rest tells about receiving or planning a message. It is ignored.
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

// events are the names of what the tools print besides messages.
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

// jsonError says what is wrong without words about Go.
func jsonError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		name := wrong.Field[strings.LastIndex(wrong.Field, ".")+1:] // without MessageFields
		return fmt.Errorf("%s must be a string", name)              // all fields of a single type are strings
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// jsonLines yields the lines of a file that are messages.
func jsonLines(name string, file io.Reader) iter.Seq2[body, error] {
	return func(yield func(body, error) bool) {
		for b, err := range lines(name, file) {
			if b.line == 1 {
				b.text = bytes.TrimPrefix(b.text, []byte("\uFEFF")) // the byte order mark of Windows programs
			}
			if err == nil && isNoMessage(b.text) {
				continue
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

// parseJSONLine reads a message and, if it names one, its device. All errors are
// the user's.
func parseJSONLine(out *outgoing, line []byte) error {
	j, err := decodeLine(line)
	if err == nil {
		err = j.fill(out)
	}
	if err != nil {
		return console.Usage(err, "")
	}
	if out.device == "" {
		return errNoDevice
	}
	return nil
}

// fill sets what the line says in out.
func (j *jsonMessage) fill(out *outgoing) (err error) {
	if j.DeviceID != "" {
		if err := console.CheckDeviceID(j.DeviceID); err != nil {
			return fmt.Errorf("deviceId: %w", err)
		}
		out.device, out.addressed = j.DeviceID, true
	}
	if j.ModuleID != "" {
		if err := console.CheckModuleID(j.ModuleID); err != nil {
			return fmt.Errorf("moduleId: %w", err)
		}
	}
	switch j.Ack {
	case "", iothub.AckFull, iothub.AckPositive, iothub.AckNegative, iothub.AckNone:
	default:
		return fmt.Errorf("ack %q is not one of full, positive, negative, none", j.Ack)
	}
	m := iothub.Message{
		ModuleID: j.ModuleID, ID: j.MessageID, CorrelationID: j.CorrelationID, UserID: j.UserID,
		ContentType: j.ContentType, ContentEncoding: j.ContentEncoding,
		Properties: j.Properties, Ack: j.Ack,
	}
	if m.Body, err = j.body(); err != nil {
		return err
	}
	if j.ExpiryTimeUTC != "" {
		if m.Expiry, err = time.Parse(time.RFC3339, j.ExpiryTimeUTC); err != nil {
			return fmt.Errorf("expiryTimeUtc: %w", err)
		}
	}
	out.message = m
	return nil
}

// body returns the payload: the text or the bytes of a string, or any other JSON
// value as it is written.
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
