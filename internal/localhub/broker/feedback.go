package broker

import (
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Record is the feedback on one message: an element of a feedback message's JSON
// array.
type Record struct {
	OriginalMessageID  string `json:"originalMessageId"`
	Description        string `json:"description"`
	DeviceGenerationID string `json:"deviceGenerationId"`
	DeviceID           string `json:"deviceId"`
	EnqueuedTimeUTC    string `json:"enqueuedTimeUtc"`
	StatusCode         Status `json:"statusCode"`

	Key string `json:"-"` // in the journal
}

// TimestampLayout is the form of times in the hub's JSON: .NET's round trip
// form, seven digits of a second.
const TimestampLayout = "2006-01-02T15:04:05.0000000Z"

// FeedbackContentType is the content type of feedback messages.
const FeedbackContentType = "application/vnd.microsoft.iothub.feedback.json"

// feedbackBatch is how many records the hub puts into one message at most.
// Source: Microsoft docs, iot-hub-devguide-messages-c2d.
const feedbackBatch = 64

// feedbackRules are IoT Hub's defaults for the feedback queue.
var feedbackRules = &rules{lock: time.Minute, ttl: time.Hour, deliveries: 10}

// feedback collects records and puts them in batches on the feedback queue,
// which all back ends of the hub share.
type feedback struct {
	queue    *Queue
	hubName  string
	interval time.Duration // at least this long between batches that are not full
	log      *slog.Logger

	mu       sync.Mutex
	pending  []Record
	lastSent time.Time
	timer    *time.Timer   // to flush; nil before it is first needed
	retry    time.Time     // not to send before, since it has failed
	backoff  time.Duration // zero: it has not
	dropping bool          // what is too much is dropped
	closed   bool
}

func newFeedback(o *Options, hubName string) *feedback {
	f := &feedback{hubName: hubName, interval: o.FeedbackInterval, log: o.Logger, lastSent: time.Now()}
	f.queue = &Queue{name: FeedbackQueue, rules: feedbackRules, owner: f, journal: o.Journal, log: o.Logger}
	return f
}

// report adds the records of messages that ended, and sends what is due.
func (f *feedback) report(records ...Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, records...)
	f.flush()
}

// flush sends what is due, and sets the timer for the rest. Called with mu held.
func (f *feedback) flush() {
	for len(f.pending) > 0 && !f.closed {
		n, wait := f.due()
		if n == 0 {
			f.wake(wait)
			return
		}
		f.send(n)
	}
}

// due returns how many of the pending records are to be sent now, and how long
// the others have to wait.
func (f *feedback) due() (n int, wait time.Duration) {
	n, wait = len(f.pending), f.interval-time.Since(f.lastSent)
	switch {
	case f.backoff > 0:
		if wait = time.Until(f.retry); wait > 0 {
			n = 0
		}
	case wait > 0:
		n -= n % feedbackBatch
	}
	return n, wait
}

func (f *feedback) wake(after time.Duration) {
	if f.timer != nil {
		f.timer.Reset(after)
		return
	}
	f.timer = time.AfterFunc(after, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.flush()
	})
}

// send puts the first n pending records on the queue. If that fails they stay
// pending. Called with mu held.
func (f *feedback) send(n int) {
	dropped, err := f.queue.putRecords(f.pending[:n], f.message)
	if err != nil {
		f.backoff = min(max(2*f.backoff, minRetry), maxRetry)
		f.retry = time.Now().Add(f.backoff)
		return
	}
	f.backoff = 0
	f.pending = slices.Clone(f.pending[n:]) // the rest is small, what was sent may not be
	f.lastSent = time.Now()
	f.warn(dropped)
}

// warn logs that messages are dropped: once, until half of them have been read.
func (f *feedback) warn(dropped int) {
	switch {
	case dropped > 0 && !f.dropping:
		f.log.Warn("the oldest feedback messages are dropped: nobody reads them", "limit", maxFeedback)
		f.dropping = true
	case f.dropping && f.queue.Len() < maxFeedback/2:
		f.dropping = false
	}
}

func (f *feedback) message(records []Record) *Message {
	body, err := json.Marshal(records)
	if err != nil { // strings only: cannot happen
		f.log.Error("feedback records not encoded", "error", err)
	}
	return &Message{UserID: []byte(f.hubName), ContentType: FeedbackContentType, Body: body}
}

func (f *feedback) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.timer != nil {
		f.timer.Stop()
	}
	f.queue.close()
}

// feedback owns its queue: nobody wants to hear of feedback on feedback.

func (f *feedback) record(*entry, Status) *Record { return nil }
func (f *feedback) returned(*entry, string)       {}

func (f *feedback) finished(list []ending) {
	for _, x := range list {
		if x.status != StatusSuccess && x.status != statusDropped {
			f.log.Warn("feedback message not read", "status", string(x.status), "sequence", x.entry.Sequence)
		}
	}
}
