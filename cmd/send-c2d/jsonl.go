package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// jsonMessage is a whole message as --jsonl reads it: what simulated-device
// --output json and send-c2d --dry-run print, so that their output can be sent
// again. Payload and Properties take the place of fields in MessageFields: a payload
// may be any JSON value here.
type jsonMessage struct {
	console.MessageFields
	Payload       json.RawMessage `json:"payload"`
	Properties    jsonProperties  `json:"properties"`
	PropertyTypes jsonTypes       `json:"propertyTypes"`
	Ack           iothub.Ack      `json:"ack"`
	ExpiryTimeUTC string          `json:"expiryTimeUtc"`
	Unreadable    string          `json:"unreadable"` // why the device could not read it: see jsonLines

	// The rest tells about receiving or planning a message. It is ignored.
	Event           any `json:"event"`
	N               any `json:"n"`
	DeliveryCount   any `json:"deliveryCount"`
	SequenceNumber  any `json:"sequenceNumber"`
	EnqueuedTimeUTC any `json:"enqueuedTimeUtc"`
	Settlement      any `json:"settlement"`
	ReceivedAt      any `json:"receivedAt"`
}

// events are the names of what the tools print besides messages.
var events = []string{"sent", "refused", "doubtful", "feedback", "summary", "purged", "lockLost"}

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

// unreadable returns why a line's message could not be read by the device that has
// printed the line, "" if it could.
func unreadable(line []byte) string {
	var m struct{ Unreadable string }
	_ = json.Unmarshal(line, &m) // what is no JSON is told later
	return m.Unreadable
}

// jsonLines yields the lines of a file that are messages. It tells of messages that
// it passes over: those that nobody has read cannot be sent.
func jsonLines(name string, file io.Reader, tell func(format string, args ...any)) iter.Seq2[body, error] {
	return func(yield func(body, error) bool) {
		for b, err := range lines(name, file) {
			if b.line == 1 {
				b.text = bytes.TrimPrefix(b.text, []byte("\uFEFF")) // the byte order mark of Windows programs
			}
			if err == nil && isNoMessage(b.text) {
				continue
			}
			if reason := unreadable(b.text); reason != "" {
				tell("line %d: passed over: the device could not read this message: %s", b.line, reason)
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
		return console.Usage(err, `a line looks like {"payload":"hello","properties":{"color":"red"}}, or as --dry-run -o json prints it`)
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
	if j.Ack != "" {
		if err := checkAck("ack", j.Ack); err != nil {
			return err
		}
	}
	m := iothub.Message{
		ModuleID: j.ModuleID,
		ID:       j.MessageID, IDType: j.MessageIDType,
		CorrelationID: j.CorrelationID, CorrelationIDType: j.CorrelationIDType,
		UserID: j.UserID, UserIDType: j.UserIDType,
		ContentType: j.ContentType, ContentEncoding: j.ContentEncoding, Ack: j.Ack,
	}
	if err := j.fillProperties(&m); err != nil {
		return err
	}
	if err := j.fillBody(&m); err != nil {
		return err
	}
	if j.ExpiryTimeUTC != "" {
		if m.Expiry, err = time.Parse(time.RFC3339, j.ExpiryTimeUTC); err != nil {
			return fmt.Errorf("expiryTimeUtc: %w", err)
		}
	}
	out.message = m
	return m.Validate()
}
