package main

import (
	"strconv"

	"iothub-c2d/internal/console"
)

// The events that there are for every message make their lines themselves: to have
// package json find out what they are takes longer than to send a message.

// line returns the event as [console.JSON] does, with the end of the line.
func (e *sentEvent) line() string {
	var o object
	o.text("event", e.Event)
	o.number("n", float64(e.N))
	o.text("deviceId", e.DeviceID)
	if e.ModuleID != "" {
		o.text("moduleId", e.ModuleID)
	}
	o.text("messageId", e.MessageID)
	o.number("size", float64(e.Size))
	o.text("sentAt", e.SentAt)
	return o.line()
}

// line returns the event as [console.JSON] does, with the end of the line.
func (e *feedbackEvent) line() string {
	var o object
	o.text("event", e.Event)
	o.text("messageId", e.MessageID)
	o.text("status", string(e.Status))
	o.text("description", e.Description)
	o.text("deviceId", e.DeviceID)
	o.text("deviceGenerationId", e.DeviceGenerationID)
	o.text("enqueuedTimeUtc", e.EnqueuedTimeUTC)
	if e.LatencyMS != nil {
		o.number("latencyMs", *e.LatencyMS)
	}
	return o.line()
}

// object is a JSON object in the making.
type object struct{ b []byte }

// text appends a field.
func (o *object) text(name, value string) {
	o.name(name)
	o.b = console.AppendJSONText(o.b, value)
}

// number appends a field. It is no more than 2^53, and not very small.
func (o *object) number(name string, value float64) {
	o.name(name)
	o.b = strconv.AppendFloat(o.b, value, 'f', -1, 64)
}

func (o *object) name(name string) {
	before := byte(',')
	if o.b == nil {
		o.b, before = make([]byte, 0, 256), '{'
	}
	o.b = append(o.b, before, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) line() string { return string(append(o.b, '}', '\n')) }
