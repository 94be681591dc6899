package main

import (
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// event is a message as JSON and templates see it.
type event struct {
	Event string `json:"event"`
	N     int    `json:"n"`
	console.MessageFields
	DeliveryCount   uint32     `json:"deliveryCount"`
	SequenceNumber  uint64     `json:"sequenceNumber"`
	EnqueuedTimeUTC string     `json:"enqueuedTimeUtc"`
	ExpiryTimeUTC   string     `json:"expiryTimeUtc"`
	Ack             iothub.Ack `json:"ack"` // empty: none is asked for
	Unreadable      string     `json:"unreadable,omitempty"`
	Settlement      outcome    `json:"settlement"`
	ReceivedAt      string     `json:"receivedAt"`
}

func newEvent(n int, d *iothub.Delivery, o outcome, at time.Time) event {
	return event{
		"message", n, console.NewMessageFields(d.DeviceID, &d.Message),
		d.DeliveryCount, d.SequenceNumber, console.Timestamp(d.EnqueuedTime), console.Timestamp(d.Expiry),
		d.Ack, d.Unreadable, o, console.Timestamp(at),
	}
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
