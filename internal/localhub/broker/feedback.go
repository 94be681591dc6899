package broker

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
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
	broker   *Broker
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

func newFeedback(b *Broker, hubName string) *feedback {
	o := &b.options
	f := &feedback{broker: b, hubName: hubName, interval: o.FeedbackInterval, log: o.Logger, lastSent: time.Now()}
	f.queue = &Queue{name: FeedbackQueue, rules: feedbackRules, owner: f, journal: o.Journal, log: o.Logger}
	return f
}

// report adds the records of messages that ended, and sends what is due.
func (f *feedback) report(records ...Record) {
	f.mu.Lock()
	f.pending = append(f.pending, records...)
	f.mu.Unlock()
	f.send()
}

// send puts the records on the queue that are due when it comes to that.
func (f *feedback) send() {
	var records []Record
	var dropped int
	f.queue.submit(operation{
		alone: true,
		do: func(s *step) error {
			if records = f.take(); len(records) > 0 {
				dropped = f.queue.putRecords(s, records, f.message)
				s.then(func() { f.tell(records) })
			}
			return nil
		},
		done: func(err error) {
			switch {
			case err != nil:
				f.putBack(records)
			case len(records) > 0:
				f.sent(dropped)
			}
		},
	})
}

// take returns the pending records that are due, and sets the timer for the rest.
func (f *feedback) take() (records []Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	n, wait := f.due()
	if n > 0 {
		records = f.pending[:n]
		f.pending = slices.Clone(f.pending[n:]) // the rest is small, what is sent may not be
		f.lastSent = time.Now()
		wait = f.interval
	}
	if len(f.pending) > 0 {
		f.wake(wait)
	}
	return records
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
	f.timer = time.AfterFunc(after, f.send)
}

// putBack makes records pending again that could not be sent.
func (f *feedback) putBack(records []Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = slices.Concat(records, f.pending)
	f.backoff = min(max(2*f.backoff, minRetry), maxRetry)
	f.retry = time.Now().Add(f.backoff)
	if !f.closed {
		f.wake(f.backoff)
	}
}

// sent takes note that records have been sent. It logs that messages are dropped:
// once, until half of them have been read.
func (f *feedback) sent(dropped int) {
	waiting := f.queue.Len()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.backoff = 0
	switch {
	case dropped > 0 && !f.dropping:
		f.log.Warn("the oldest feedback messages are dropped: nobody reads them", "limit", maxFeedback)
		f.dropping = true
	case f.dropping && waiting < maxFeedback/2:
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
	f.closed = true
	if f.timer != nil {
		f.timer.Stop()
	}
	f.mu.Unlock()
	f.queue.close()
}

// feedback owns its queue: nobody wants to hear of feedback on feedback.

func (f *feedback) record(*entry, Status) *Record { return nil }
func (f *feedback) watched() bool                 { return f.broker.watched() }

// happened tells of a feedback message. Of one that is new, its records are told.
func (f *feedback) happened(kind EventKind, e *entry, detail string) {
	switch kind {
	case EventDelivered:
		kind, detail = EventFeedbackTaken, strconv.Itoa(countRecords(e.Message))
	case EventReturned:
		kind = EventFeedbackReturned
	case EventFinished:
		kind = EventFeedbackFinished
	default:
		return
	}
	f.broker.Tell(Event{Kind: kind, Sequence: e.Sequence, Detail: detail})
}

// tell tells of the records that have been sent. The queue's lock is held.
func (f *feedback) tell(records []Record) {
	if !f.watched() {
		return
	}
	for _, r := range records {
		f.broker.Tell(Event{Kind: EventFeedbackSent, Device: r.DeviceID, MessageID: r.OriginalMessageID, Detail: string(r.StatusCode)})
	}
}

// recordStart is how each record begins in the body of a feedback message, and
// nothing else in it: in a text of JSON the quotes would be escaped.
var recordStart = []byte(`{"originalMessageId":`)

// countRecords returns how many records a feedback message has.
func countRecords(m *Message) int { return bytes.Count(m.Body, recordStart) }

func (f *feedback) finished(list []ending) {
	for _, x := range list {
		if x.status != StatusSuccess && x.status != statusDropped {
			f.log.Warn("feedback message not read", "status", string(x.status), "sequence", x.entry.Sequence)
		}
	}
}
