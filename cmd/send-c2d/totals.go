package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// taken returns how many messages the hub has, or may have.
func (r *report) taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total + r.doubts
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
	if text := r.refusalText(); text != "" {
		parts = append(parts, text)
	}
	if r.doubts > 0 {
		parts = append(parts, fmt.Sprintf("%d in doubt", r.doubts))
	}
	return parts
}

// refusalText tells how many messages were refused, and why. Called with mu held.
func (r *report) refusalText() string {
	var sum int
	var only string
	var parts []string
	for _, x := range reasons {
		if n := r.refusals[x.reason]; n > 0 {
			sum += n
			only = x.text
			parts = append(parts, fmt.Sprintf("%d %s", n, x.text))
		}
	}
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%d refused (%s)", sum, only)
	}
	return fmt.Sprintf("%d refused (%s)", sum, strings.Join(parts, ", "))
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

// result returns the error of a run whose end was err, if that was not told to end
// from outside: the worst of what happened. What the output has said is not said
// again.
func (r *report) result(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	code := r.worst()
	switch {
	case r.broken != nil:
		return r.broken
	case code == 0, code == console.ExitNegative && err != nil:
		return err
	case err != nil:
		r.console.Report(err)
	}
	return console.Exit(code)
}

// worst returns the exit code for what became of the messages, 0 if all is well.
// Called with mu held.
func (r *report) worst() console.ExitCode {
	for _, n := range r.refusals {
		if n > 0 {
			return console.ExitRefused
		}
	}
	if r.doubts > 0 {
		return console.ExitFailed
	}
	for status, n := range r.statuses {
		if n > 0 && status != iothub.Success {
			return console.ExitNegative
		}
	}
	return 0
}
