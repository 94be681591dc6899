package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// progress tells in a few words how far a run has got that has no feedback yet on some
// messages.
func (r *report) progress(unanswered int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("%d sent", r.total)
	if planned := r.estimate.planned; planned > 0 {
		text = fmt.Sprintf("%d of %d", r.total, planned)
	}
	if passed := time.Since(r.began); r.total > 1 && passed > 0 {
		text += fmt.Sprintf(", %.0f/s", float64(r.total-1)/passed.Seconds())
	}
	if left, _, ok := r.timeLeft(); ok {
		text += fmt.Sprintf(", about %s left", console.Span(left))
	}
	if unanswered > 0 {
		text += fmt.Sprintf(", %d unanswered", unanswered)
	}
	return text
}

// summary prints the totals. unanswered is how many messages have no feedback,
// resent how many the hub may have twice.
func (r *report) summary(unanswered, resent int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.console.Output == console.OutputJSON {
		_ = r.keep(r.console.PrintJSON(r.summaryEvent(unanswered, resent)))
	}
	line := r.console.ErrLine().Add("%d sent", r.total)
	for _, status := range r.sortedStatuses() {
		line.Add(", ").Outcome(mood(status), "%d %s", r.statuses[status], status)
	}
	if text := r.refusalText(); text != "" {
		line.Add(", ").Outcome(console.Bad, "%s", text)
	}
	for _, part := range []struct {
		n    int
		what string
	}{{r.doubts, "in doubt"}, {resent, "sent again"}, {unanswered, "without feedback"}} {
		if part.n > 0 {
			line.Add(", ").Outcome(console.Fair, "%d %s", part.n, part.what)
		}
	}
	if r.isLarge() {
		line.Add("; %.0f per second, each taken after %s", r.perSecond(), newTimes(r.answers).text(true))
	}
	if len(r.latencies) > 1 {
		line.Add("; feedback after %s", newTimes(r.latencies).text(r.isLarge()))
	}
	r.console.NoteText(line.Add("."))
}

// sortedStatuses returns the statuses that there were, the fewest messages first.
// Called with mu held.
func (r *report) sortedStatuses() []iothub.Status {
	return slices.SortedFunc(maps.Keys(r.statuses), func(a, b iothub.Status) int {
		return cmp.Or(cmp.Compare(r.statuses[a], r.statuses[b]), cmp.Compare(a, b))
	})
}

// refusalText tells how many messages were refused, and why. Called with mu held.
func (r *report) refusalText() string {
	var parts []string
	sum := 0
	for _, x := range reasons {
		if n := r.refusals[x.reason]; n > 0 {
			sum += n
			parts = append(parts, fmt.Sprintf("%d %s", n, x.text))
		}
	}
	switch len(parts) {
	case 0:
		return ""
	case 1:
		_, text, _ := strings.Cut(parts[0], " ")
		return fmt.Sprintf("%d refused (%s)", sum, text)
	}
	return fmt.Sprintf("%d refused (%s)", sum, strings.Join(parts, ", "))
}
