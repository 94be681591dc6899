package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// report shows what happens to the messages and keeps the totals. It may be
// used by several goroutines.
type report struct {
	console *console.Console

	mu        sync.Mutex
	total     int // messages that the hub accepted
	statuses  map[iothub.Status]int
	latencies []time.Duration
	broken    error // the first error of writing output
}

func newReport(c *console.Console) *report {
	return &report{console: c, statuses: make(map[iothub.Status]int)}
}

// sent shows that the hub has accepted a message.
func (r *report) sent(out outgoing) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total++
	m := &out.message
	return r.show(sentEvent{"sent", out.n, out.device, m.ModuleID, m.ID, len(m.Body), console.Timestamp(time.Now())},
		"Sent %s to %s (%d bytes)", m.ID, out.target(), len(m.Body))
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
	if err := r.console.PrintLine("Would send %s to %s (%d bytes): %s", m.ID, out.target(), len(m.Body), payload); err != nil {
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
		if err := r.console.PrintLine("    property %s=%s", name, m.Properties[name]); err != nil {
			return err
		}
	}
	return nil
}

// accepted returns how many messages the hub has taken.
func (r *report) accepted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// feedback shows what became of a message, and how long that took.
func (r *report) feedback(f iothub.Feedback, latency time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses[f.Status]++
	r.latencies = append(r.latencies, latency)
	event := newFeedbackEvent(f)
	event.LatencyMS = new(milliseconds(latency))
	return r.show(event, "%s: %s after %s", f.Status, f.MessageID, latency.Round(time.Millisecond))
}

// progress tells in a few words how far the run has got.
func (r *report) progress() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.totals(), ", ")
}

// totals lists what has been sent, and what has become of it. Called with mu
// held.
func (r *report) totals() []string {
	parts := []string{fmt.Sprintf("%d sent", r.total)}
	for status, n := range r.statuses {
		parts = append(parts, fmt.Sprintf("%d %s", n, status))
	}
	slices.Sort(parts[1:])
	return parts
}

// summary prints the totals. unanswered is how many messages have no feedback,
// resent how many the hub may have twice.
func (r *report) summary(unanswered, resent int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.console.Output == console.OutputJSON {
		_ = r.keep(r.console.PrintJSON(r.summaryEvent(unanswered, resent)))
	}
	parts := r.totals()
	if resent > 0 {
		parts = append(parts, fmt.Sprintf("%d sent again", resent))
	}
	if unanswered > 0 {
		parts = append(parts, fmt.Sprintf("%d without feedback", unanswered))
	}
	text := strings.Join(parts, ", ")
	if len(r.latencies) > 1 {
		text += fmt.Sprintf("; feedback after %s (half), %s (95 %%), %s (all)",
			r.percentile(50).Round(time.Millisecond), r.percentile(95).Round(time.Millisecond), r.percentile(100).Round(time.Millisecond))
	}
	r.console.Note("%s.", text)
}

// percentile returns the latency that p per cent of the feedback did not exceed.
func (r *report) percentile(p int) time.Duration {
	sorted := slices.Sorted(slices.Values(r.latencies))
	return sorted[max((len(sorted)*p+99)/100, 1)-1]
}

// result returns an error if output was lost, or if some feedback was negative.
func (r *report) result() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	for status, n := range r.statuses {
		if n > 0 && status != iothub.Success {
			return console.Exit(console.ExitNegative)
		}
	}
	return nil
}

// record shows a feedback record, whoever sent the message.
func (r *report) record(f iothub.Feedback) error {
	return r.show(newFeedbackEvent(f), "%s %s: %s for %s", console.Timestamp(f.Time), f.Status, f.MessageID, f.DeviceID)
}

// purged shows how many messages have been removed from a queue.
func (r *report) purged(device string, n int) error {
	return r.show(purgedEvent{"purged", device, n}, "Purged %d from the queue of %s", n, device)
}

// show prints an event in the form that is asked for.
func (r *report) show(event any, format string, args ...any) error {
	if r.console.Output == console.OutputJSON {
		return r.keep(r.console.PrintJSON(event))
	}
	return r.keep(r.console.PrintLine(format, args...))
}

// keep remembers err if it is the first, for result. It also returns err.
func (r *report) keep(err error) error {
	if r.broken == nil {
		r.broken = err
	}
	return err
}
