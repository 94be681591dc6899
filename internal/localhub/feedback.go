package localhub

import (
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// feedbackBatch is how many records the hub puts into one message at most.
// Source: Microsoft docs, iot-hub-devguide-messages-c2d.
const feedbackBatch = 64

// ackMode is the iothub-ack property of a message: which outcomes its sender
// wants to hear of.
type ackMode string

const (
	ackNone     ackMode = "none"
	ackPositive ackMode = "positive"
	ackNegative ackMode = "negative"
	ackFull     ackMode = "full"
)

// wants reports whether a message of this mode is to be reported as s.
func (a ackMode) wants(s status) bool {
	switch a {
	case ackFull:
		return true
	case ackPositive:
		return s == statusSuccess
	case ackNegative:
		return s != statusSuccess
	}
	return false
}

// feedbackRecord is one element of a feedback message's JSON array.
type feedbackRecord struct {
	OriginalMessageID  string `json:"originalMessageId"`
	Description        string `json:"description"`
	DeviceGenerationID string `json:"deviceGenerationId"`
	DeviceID           string `json:"deviceId"`
	EnqueuedTimeUTC    string `json:"enqueuedTimeUtc"`
	StatusCode         status `json:"statusCode"`

	key string // of the record in the store
}

// timestampLayout is the form of times in the hub's JSON: .NET's round trip
// form, seven digits of a second.
const timestampLayout = "2006-01-02T15:04:05.0000000Z"

// feedback collects records and puts them in batches on the feedback queue,
// which all back ends of the hub share.
type feedback struct {
	queue    *queue
	hubName  string
	interval time.Duration // at least this long between batches that are not full
	log      *slog.Logger

	mu       sync.Mutex
	pending  []feedbackRecord
	lastSent time.Time
	timer    *time.Timer
}

// stamp fills in what follows from the moment, unless that is past.
func (r *feedbackRecord) stamp() {
	if r.EnqueuedTimeUTC != "" {
		return
	}
	r.Description = string(r.StatusCode)
	r.EnqueuedTimeUTC = time.Now().UTC().Format(timestampLayout)
}

// report adds the record of a message that ended, and sends what is due.
func (f *feedback) report(r feedbackRecord) {
	r.stamp()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, r)
	f.flush()
}

// flush sends a batch if it is full or its time has come, else sets the timer.
// Called with mu held.
func (f *feedback) flush() {
	wait := f.interval - time.Since(f.lastSent)
	switch {
	case len(f.pending) == 0:
	case wait <= 0 || len(f.pending) >= feedbackBatch:
		f.send()
	case f.timer == nil:
		f.timer = time.AfterFunc(wait, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.timer = nil
			f.flush()
		})
	}
}

// send puts the pending records on the queue as one message. Called with mu
// held.
func (f *feedback) send() {
	body, err := json.Marshal(f.pending)
	if err != nil { // strings only: cannot happen
		f.log.Error("feedback records not encoded", "error", err)
		return
	}
	keys := make([]string, len(f.pending))
	for i, r := range f.pending {
		keys[i] = r.key
	}
	f.pending = nil
	f.lastSent = time.Now()
	m := &amqpwire.Message{
		Properties: &amqpwire.Properties{
			UserID:      []byte(f.hubName),
			ContentType: "application/vnd.microsoft.iothub.feedback.json",
		},
		Data: [][]byte{body},
	}
	if err := f.queue.putRecords(m, time.Time{}, keys); err != nil {
		f.log.Error("feedback records not sent before a restart", "error", err)
	}
}

func (f *feedback) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil {
		f.timer.Stop()
	}
	f.queue.close()
}
