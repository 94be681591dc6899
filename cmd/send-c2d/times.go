package main

import (
	"fmt"
	"slices"
	"time"

	"iothub-c2d/internal/console"
)

// times are how long something has taken, the shortest first.
type times []time.Duration

func newTimes(list []time.Duration) times { return slices.Sorted(slices.Values(list)) }

// percentile returns the time that p per cent did not exceed.
func (t times) percentile(p int) time.Duration { return t[max((len(t)*p+99)/100, 1)-1] }

// text returns the percentiles in words. One in a hundred is worth telling if there are
// many.
func (t times) text(many bool) string {
	text := fmt.Sprintf("%s (half), %s (95 %%), ", console.Span(t.percentile(50)), console.Span(t.percentile(95)))
	if many {
		text += fmt.Sprintf("%s (99 %%), ", console.Span(t.percentile(99)))
	}
	return text + fmt.Sprintf("%s (all)", console.Span(t.percentile(100)))
}

// milliseconds returns the percentiles for --output json.
func (t times) milliseconds(many bool) *timesMS {
	ms := &timesMS{P50: milliseconds(t.percentile(50)), P95: milliseconds(t.percentile(95)), Max: milliseconds(t.percentile(100))}
	if many {
		ms.P99 = milliseconds(t.percentile(99))
	}
	return ms
}

// largeRun is how many messages a run has whose speed is worth telling.
const largeRun = 100

func (r *report) isLarge() bool { return len(r.answers) >= largeRun }

// perSecond returns how fast the hub has taken the messages.
func (r *report) perSecond() float64 {
	passed := max(r.last.Sub(r.began), time.Millisecond)
	return float64(r.total-1) / passed.Seconds()
}
