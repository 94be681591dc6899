package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/console"
)

// estimate says how long a run will take whose pace is limited: by --rate, or by the
// hub.
type estimate struct {
	planned int         // messages, 0 if only the end of the input will tell
	rate    *rate       // that was asked for; nil: none
	slow    atomic.Bool // the hub has said that there are too many messages at a time
	since   time.Time   // when it did so
	before  int         // how many it had taken then
	told    bool        // how fast it takes them since
}

// measuring is how long to look at what a hub takes. It may let a first burst through,
// and has a limit for each minute.
const measuring = 10 * time.Second

// due reports whether it is time to tell how fast the hub takes messages, of which it
// has so many by now.
func (e *estimate) due(taken int) bool {
	return e.slow.Load() && !e.told && taken > e.before+1 && time.Since(e.since) >= measuring
}

// plan takes note of how many messages there will be, 0 if that is not known, and of
// the rate. It tells how long that takes.
func (r *report) plan(planned int, rate *rate) {
	r.estimate.planned, r.estimate.rate = planned, rate
	if rate != nil && planned > 1 {
		r.console.Note("At %s, %d messages take about %s.", perSecond(rate.perSecond), planned, console.Span(rate.interval(planned-1)))
	}
}

// throttled tells that the hub has asked for fewer messages at a time.
func (r *report) throttled(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := &r.estimate
	e.since, e.before = time.Now(), r.total
	e.slow.Store(true)
	r.console.Note("The hub takes fewer messages at a time than this (%s): going on at its pace.", console.Reason(err))
}

// isThrottled reports whether the hub has asked for that. It waits for nothing, not even
// for output that nobody reads.
func (r *report) isThrottled() bool { return r.estimate.slow.Load() }

// tellTime tells how fast the hub takes messages, and how long the rest will take if it
// is known how many there are. Called with mu held.
func (r *report) tellTime() {
	left, pace, ok := r.timeLeft()
	r.estimate.told = true
	if !ok {
		r.console.Note("The hub takes about %s.", perSecond(pace))
		return
	}
	rest := "the last message needs"
	if n := r.left(); n > 1 {
		rest = fmt.Sprintf("the other %d messages need", n)
	}
	r.console.Note("The hub takes about %s: %s about %s.", perSecond(pace), rest, console.Span(left))
}

// left returns how many messages are still to be sent. Called with mu held.
func (r *report) left() int {
	n := r.estimate.planned - r.total - r.doubts
	for _, refused := range r.refusals {
		n -= refused
	}
	return max(n, 0)
}

// timeLeft returns how long the rest will take, and at how many messages per second; it
// is not ok if the pace is not limited, or if nobody knows. Called with mu held.
func (r *report) timeLeft() (left time.Duration, pace float64, ok bool) {
	e := &r.estimate
	switch passed := time.Since(e.since); {
	case e.slow.Load() && r.total > e.before && passed > 0:
		pace = float64(r.total-e.before) / passed.Seconds()
	case e.rate != nil && !e.slow.Load():
		pace = e.rate.perSecond
	}
	if pace == 0 || r.left() == 0 {
		return 0, pace, false
	}
	return seconds(float64(r.left()) / pace).Round(time.Second), pace, true
}

// perSecond returns how fast messages go.
func perSecond(n float64) string {
	if n < 100 {
		return fmt.Sprintf("%.3g messages per second", n)
	}
	return fmt.Sprintf("%.0f messages per second", n)
}
