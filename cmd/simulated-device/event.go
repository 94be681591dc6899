package main

import (
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// event is a message as JSON and templates see it.
type event struct {
	Event           string            `json:"event"`
	N               int               `json:"n"`
	DeviceID        string            `json:"deviceId"`
	MessageID       string            `json:"messageId"`
	CorrelationID   string            `json:"correlationId"`
	UserID          string            `json:"userId"`
	ContentType     string            `json:"contentType"`
	ContentEncoding string            `json:"contentEncoding"`
	Payload         string            `json:"payload"`
	PayloadEncoding string            `json:"payloadEncoding"` // utf8 or base64
	Properties      map[string]string `json:"properties"`
	DeliveryCount   uint32            `json:"deliveryCount"`
	SequenceNumber  uint64            `json:"sequenceNumber"`
	EnqueuedTimeUTC string            `json:"enqueuedTimeUtc"`
	ExpiryTimeUTC   string            `json:"expiryTimeUtc"`
	Settlement      outcome           `json:"settlement"`
	ReceivedAt      string            `json:"receivedAt"`
}

func newEvent(n int, d *iothub.Delivery, o outcome, at time.Time) event {
	payload, encoding := console.Payload(d.Body)
	return event{
		Event: "message", N: n, DeviceID: d.DeviceID,
		MessageID: d.ID, CorrelationID: d.CorrelationID, UserID: d.UserID,
		ContentType: d.ContentType, ContentEncoding: d.ContentEncoding,
		Payload: payload, PayloadEncoding: encoding, Properties: d.Properties,
		DeliveryCount: d.DeliveryCount, SequenceNumber: d.SequenceNumber,
		EnqueuedTimeUTC: console.Timestamp(d.EnqueuedTime), ExpiryTimeUTC: console.Timestamp(d.Expiry),
		Settlement: o, ReceivedAt: console.Timestamp(at),
	}
}

// printable returns e with nothing in it that acts on a terminal.
func (e event) printable() event {
	for _, text := range []*string{
		&e.MessageID, &e.CorrelationID, &e.UserID, &e.ContentType, &e.ContentEncoding, &e.Payload,
	} {
		*text = console.Printable(*text)
	}
	properties := make(map[string]string, len(e.Properties))
	for name, value := range e.Properties {
		properties[console.Printable(name)] = console.Printable(value)
	}
	e.Properties = properties
	return e
}

// lockLostEvent says that the message of an earlier line will come again.
type lockLostEvent struct {
	Event     string `json:"event"`
	N         int    `json:"n"`
	DeviceID  string `json:"deviceId"`
	MessageID string `json:"messageId"`
}

// summaryEvent is the last line of --output json.
type summaryEvent struct {
	Event     string `json:"event"`
	Received  int    `json:"received"`
	Completed int    `json:"completed"`
	Abandoned int    `json:"abandoned"`
	Rejected  int    `json:"rejected"`
	Unsettled int    `json:"unsettled"`
	LockLost  int    `json:"lockLost"`
}
