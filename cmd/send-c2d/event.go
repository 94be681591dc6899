package main

import (
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// The objects that --output json prints, one a line.
type (
	sentEvent struct {
		Event     string `json:"event"`
		N         int    `json:"n"`
		DeviceID  string `json:"deviceId"`
		ModuleID  string `json:"moduleId,omitempty"`
		MessageID string `json:"messageId"`
		Size      int    `json:"size"`
		SentAt    string `json:"sentAt"`

		took    time.Duration // until the hub had taken it
		awaited bool          // feedback is waited for
	}
	notSentEvent struct {
		Event     string `json:"event"` // refused or doubtful
		N         int    `json:"n"`
		DeviceID  string `json:"deviceId"`
		ModuleID  string `json:"moduleId,omitempty"`
		MessageID string `json:"messageId"`
		Reason    reason `json:"reason,omitempty"` // of a refusal
		Error     string `json:"error"`
	}
	dryRunEvent struct {
		Event string `json:"event"`
		N     int    `json:"n"`
		console.MessageFields
		Ack           iothub.Ack `json:"ack"`
		ExpiryTimeUTC string     `json:"expiryTimeUtc"`
	}
	feedbackEvent struct {
		Event              string        `json:"event"`
		MessageID          string        `json:"messageId"`
		Status             iothub.Status `json:"status"`
		Description        string        `json:"description"`
		DeviceID           string        `json:"deviceId"`
		DeviceGenerationID string        `json:"deviceGenerationId"`
		EnqueuedTimeUTC    string        `json:"enqueuedTimeUtc"`
		LatencyMS          *float64      `json:"latencyMs,omitempty"`
	}
	purgedEvent struct {
		Event    string `json:"event"`
		DeviceID string `json:"deviceId"`
		Messages int    `json:"messages"`
	}
	summaryEvent struct {
		Event                 string         `json:"event"`
		Sent                  int            `json:"sent"`
		Success               int            `json:"success"`
		Rejected              int            `json:"rejected"`
		Expired               int            `json:"expired"`
		DeliveryCountExceeded int            `json:"deliveryCountExceeded"`
		Purged                int            `json:"purged"`
		Unanswered            int            `json:"unanswered"`
		Resent                int            `json:"resent"`
		Doubtful              int            `json:"doubtful"`
		Refused               map[reason]int `json:"refused"`
		Unknown               int            `json:"unknown"`              // of a status that no document names
		LatencyMS             *timesMS       `json:"latencyMs,omitempty"`  // until feedback came
		AcceptedMS            *timesMS       `json:"acceptedMs,omitempty"` // until the hub had taken a message, of a large run
		PerSecond             float64        `json:"perSecond,omitempty"`  // likewise
	}
	timesMS struct {
		P50 float64 `json:"p50"`
		P95 float64 `json:"p95"`
		P99 float64 `json:"p99,omitempty"` // of a large run
		Max float64 `json:"max"`
	}
)

// newSentEvent returns the event of a message, without the time.
func newSentEvent(out *outgoing) sentEvent {
	m := &out.message
	return sentEvent{Event: "sent", N: out.n, DeviceID: out.device, ModuleID: m.ModuleID, MessageID: m.ID, Size: len(m.Body)}
}

// target names the device or the module that the message is for.
func (e *sentEvent) target() string { return targetName(e.DeviceID, e.ModuleID) }

// not returns what happened instead of the event.
func (e *sentEvent) not(event string, why reason, err error) notSentEvent {
	return notSentEvent{event, e.N, e.DeviceID, e.ModuleID, e.MessageID, why, err.Error()}
}

func newFeedbackEvent(f iothub.Feedback) feedbackEvent {
	return feedbackEvent{
		Event: "feedback", MessageID: f.MessageID, Status: f.Status, Description: f.Description,
		DeviceID: f.DeviceID, DeviceGenerationID: f.DeviceGenerationID, EnqueuedTimeUTC: console.Timestamp(f.Time),
	}
}

func (r *report) summaryEvent(unanswered, resent int) summaryEvent {
	event := summaryEvent{
		Event: "summary", Sent: r.total, Unanswered: unanswered, Resent: resent,
		Success: r.statuses[iothub.Success], Rejected: r.statuses[iothub.Rejected],
		Expired: r.statuses[iothub.Expired], Purged: r.statuses[iothub.Purged],
		DeliveryCountExceeded: r.statuses[iothub.DeliveryCountExceeded], Unknown: r.statuses[iothub.Unknown],
		Refused: make(map[reason]int), Doubtful: r.doubts,
	}
	for why, n := range r.refusals {
		if n > 0 {
			event.Refused[why] = n
		}
	}
	if len(r.latencies) > 0 {
		event.LatencyMS = newTimes(r.latencies).milliseconds(r.isLarge())
	}
	if r.isLarge() {
		event.AcceptedMS, event.PerSecond = newTimes(r.answers).milliseconds(true), r.perSecond()
	}
	return event
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}
