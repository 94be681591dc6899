package main

import "iothub-c2d/internal/console"

// line returns the event as a line of JSON.
func (e *sentEvent) line() string {
	var o console.Object
	o.Text("event", e.Event)
	o.Integer("n", int64(e.N))
	o.Text("deviceId", e.DeviceID)
	o.TextIfAny("moduleId", e.ModuleID)
	o.Text("messageId", e.MessageID)
	o.Integer("size", int64(e.Size))
	o.Text("sentAt", e.SentAt)
	return o.Line()
}

// line returns the event as a line of JSON.
func (e *feedbackEvent) line() string {
	var o console.Object
	o.Text("event", e.Event)
	o.Text("messageId", e.MessageID)
	o.Text("status", string(e.Status))
	o.Text("description", e.Description)
	o.Text("deviceId", e.DeviceID)
	o.Text("deviceGenerationId", e.DeviceGenerationID)
	o.Text("enqueuedTimeUtc", e.EnqueuedTimeUTC)
	if e.LatencyMS != nil {
		o.Number("latencyMs", *e.LatencyMS)
	}
	return o.Line()
}
