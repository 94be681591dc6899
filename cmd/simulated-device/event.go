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

// line returns the event as a line of JSON.
func (e *event) line() (string, error) {
	if e.Unreadable != "" || e.BodyType != "" || len(e.JSONPropertyTypes) > 0 {
		text, err := console.JSON(e) // few have types to tell
		return text + "\n", err
	}
	var o console.Object
	o.Text("event", e.Event)
	o.Integer("n", int64(e.N))
	o.Text("deviceId", e.DeviceID)
	o.TextIfAny("moduleId", e.ModuleID)
	o.Text("messageId", e.MessageID)
	o.TextIfAny("messageIdType", string(e.MessageIDType))
	o.Text("correlationId", e.CorrelationID)
	o.TextIfAny("correlationIdType", string(e.CorrelationIDType))
	o.Text("userId", e.UserID)
	o.TextIfAny("userIdType", string(e.UserIDType))
	o.Text("contentType", e.ContentType)
	o.Text("contentEncoding", e.ContentEncoding)
	o.Text("payload", e.Payload)
	o.Text("payloadEncoding", e.PayloadEncoding)
	o.Texts("properties", e.JSONProperties)
	o.Integer("deliveryCount", int64(e.DeliveryCount))
	o.Integer("sequenceNumber", int64(e.SequenceNumber))
	o.Text("enqueuedTimeUtc", e.EnqueuedTimeUTC)
	o.Text("expiryTimeUtc", e.ExpiryTimeUTC)
	o.Text("ack", string(e.Ack))
	o.Text("settlement", string(e.Settlement))
	o.Text("receivedAt", e.ReceivedAt)
	return o.Line(), nil
}

// lockLostEvent says that the message of an earlier line may come again.
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
	*fleetTotals
}
