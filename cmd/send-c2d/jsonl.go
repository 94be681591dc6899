package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// jsonMessage is a whole message as --jsonl reads it. The names are those that
// simulated-device --output json prints, so that its output can be sent again.
type jsonMessage struct {
	DeviceID        string            `json:"deviceId"`
	MessageID       string            `json:"messageId"`
	CorrelationID   string            `json:"correlationId"`
	UserID          string            `json:"userId"`
	ContentType     string            `json:"contentType"`
	ContentEncoding string            `json:"contentEncoding"`
	Payload         json.RawMessage   `json:"payload"`
	PayloadEncoding string            `json:"payloadEncoding"`
	Properties      map[string]string `json:"properties"`
	ExpiryTimeUTC   string            `json:"expiryTimeUtc"`
}

// parseJSONLine reads a message and, if it names one, its device.
func parseJSONLine(out *outgoing, line []byte) error {
	var j jsonMessage
	decoder := json.NewDecoder(bytes.NewReader(line))
	if err := decoder.Decode(&j); err != nil {
		return fmt.Errorf("not a message in JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("not a message in JSON: more than one value")
	}
	if j.DeviceID != "" {
		out.device = j.DeviceID
	}
	m := &out.message
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
