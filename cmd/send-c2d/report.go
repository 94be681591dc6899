package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

// report shows what happens to the messages and keeps the totals. It may be
// used by several goroutines.
type report struct {
	console *console.Console
	ledger  *ledger

	mu          sync.Mutex
	total       int // messages that the hub accepted
	refusals    map[reason]int
	doubts      int // messages that the hub may have accepted
	told        map[complaint]bool
	complaints  map[reason]int // how often it was told
	statuses    map[iothub.Status]int
	latencies   []time.Duration // of feedback
	answers     []time.Duration // how long the hub took to take each message
	began, last time.Time       // when the first message was taken, and the last
	estimate    estimate
	broken      error // the first error of writing output
}

func newReport(c *console.Console) *report {
	return &report{
		console:  c,
		refusals: make(map[reason]int), told: make(map[complaint]bool), complaints: make(map[reason]int), statuses: make(map[iothub.Status]int),
	}
}

// sent shows that the hub has accepted a message.
func (r *report) sent(m sentEvent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = time.Now()
	if r.total++; r.total == 1 {
		r.began = r.last
	}
	if m.took > 0 {
		r.answers = append(r.answers, m.took)
	}
	if !m.awaited {
		r.ledger.good(m.DeviceID)
	}
	if r.estimate.due(r.total) {
		r.tellTime()
	}
	if r.console.Output == console.OutputJSON {
		m.SentAt = console.Timestamp(r.last)
		return r.keep(r.console.Print(m.line()))
	}
	return r.keep(r.console.PrintText(r.console.OutLine().Text("Sent ", m.MessageID, " to ", m.target(), " (", console.Count(m.Size, "byte"), ")")))
}

// refused shows that the hub has refused a message.
func (r *report) refused(m sentEvent, why reason, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals[why]++
	r.complain(m.target(), why, r.refusals[why] == 1, m.MessageID, err)
	return r.notSent(m.not("refused", why, err))
}

// doubtful shows that nobody knows whether the hub has a message. If the run ends
// with err, that is not shown here.
func (r *report) doubtful(m sentEvent, err error, ends bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubts++
	if !ends {
		r.complain(m.target(), inDoubt, r.doubts == 1, m.MessageID, err)
	}
	return r.notSent(m.not("doubtful", "", err))
}

// notSent prints an event that has no form as text. Called with mu held.
func (r *report) notSent(e notSentEvent) error {
	if r.console.Output != console.OutputJSON {
		return nil
	}
	return r.keep(r.console.PrintJSON(e))
}

// corrected shows that the hub has accepted a message after all.
func (r *report) corrected(m sentEvent, v verdict) error {
	r.mu.Lock()
	switch {
	case v.state == doubtful:
		r.doubts--
	case v.why != "":
		r.refusals[v.why]--
	}
	r.mu.Unlock()
	return r.sent(m)
}

// dryRun shows the messages that would be sent.
func (r *report) dryRun(ctx context.Context, messages *source) error {
	for out, err := range messages.all() {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.planned(out); err != nil {
			return err
		}
	}
	return nil
}

// planned shows a message that would be sent.
func (r *report) planned(out outgoing) error {
	m := &out.message
	if r.console.Output == console.OutputJSON {
		return r.console.PrintJSON(dryRunEvent{
			"dry-run", out.n, console.NewMessageFields(out.device, m), m.Ack, console.Timestamp(m.Expiry),
		})
	}
	payload, encoding := console.Payload(m.Body)
	if encoding == "base64" {
		payload += " (base64)"
	}
	if err := r.console.PrintLine("Would send %s to %s (%s): %s", m.ID, out.target(), console.Count(len(m.Body), "byte"), payload); err != nil {
		return err
	}
	return r.details(m)
}

// details shows the properties of a message.
func (r *report) details(m *iothub.Message) error {
	system := [][2]string{
		{"correlation id", m.CorrelationID},
		{"user id", m.UserID},
		{"content type", m.ContentType},
		{"content encoding", m.ContentEncoding},
		{"ack", string(m.Ack)},
		{"expires", console.Timestamp(m.Expiry)},
	}
	for _, p := range system {
		if p[1] == "" {
			continue
		}
		if err := r.console.PrintLine("    %s: %s", p[0], p[1]); err != nil {
			return err
		}
	}
	for _, name := range m.PropertyNames() {
		if err := r.console.PrintLine("    property %s=%s", name, value.Text(m.Properties[name])); err != nil {
			return err
		}
	}
	return nil
}

// feedback shows what became of a message, and how long that took.
func (r *report) feedback(f iothub.Feedback, latency time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses[f.Status]++
	r.latencies = append(r.latencies, latency)
	if f.Status == iothub.Success {
		r.ledger.good(f.DeviceID)
	}
	if r.console.Output == console.OutputJSON {
		event := newFeedbackEvent(f)
		event.LatencyMS = new(milliseconds(latency))
		return r.keep(r.console.Print(event.line()))
	}
	line := r.console.OutLine().Outcome(mood(f.Status), "%s", statusText(f))
	return r.keep(r.console.PrintText(line.Text(": ", f.MessageID, " after ", console.Span(latency))))
}

// mood returns what a status means to the user.
func mood(s iothub.Status) console.Mood {
	switch s {
	case iothub.Success:
		return console.Good
	case iothub.Purged, iothub.Unknown:
		return console.Fair
	}
	return console.Bad
}

// statusText returns the status of feedback: the hub's own words if it is unknown.
func statusText(f iothub.Feedback) string {
	if f.Status != iothub.Unknown || f.Description == "" {
		return string(f.Status)
	}
	return fmt.Sprintf("%s (%s)", f.Status, f.Description)
}

// record shows a feedback record, whoever sent the message.
func (r *report) record(f iothub.Feedback) error {
	line := r.console.OutLine().Add("%s ", console.Timestamp(f.Time)).Outcome(mood(f.Status), "%s", statusText(f))
	return r.showLine(newFeedbackEvent(f), line.Add(": %s for %s", f.MessageID, f.DeviceID))
}

// purged shows how many messages have been removed from a queue.
func (r *report) purged(device string, n int) error {
	return r.show(purgedEvent{"purged", device, n}, "Purged %d from the queue of %s", n, device)
}

// show prints an event in the form that is asked for.
func (r *report) show(event any, format string, args ...any) error {
	return r.showLine(event, r.console.OutLine().Add(format, args...))
}

func (r *report) showLine(event any, line *console.Line) error {
	if r.console.Output == console.OutputJSON {
		return r.keep(r.console.PrintJSON(event))
	}
	return r.keep(r.console.PrintText(line))
}

// keep remembers err if it is the first, for result. It also returns err.
func (r *report) keep(err error) error {
	if r.broken == nil {
		r.broken = err
	}
	return err
}
