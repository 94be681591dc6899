package main

import (
	"context"
	"math"
	"sync"
	"time"

	"iothub-c2d/internal/console"
)

// rate lets so many messages through in a second. A nil one lets all through.
type rate struct {
	perSecond float64

	mu   sync.Mutex
	next time.Time // when the next may go
}

// catchUp is how much of a delay is made good by sending the next messages sooner: the
// system wakes nobody up to the microsecond.
const catchUp = 10 * time.Millisecond

func newRate(perSecond float64) *rate {
	if perSecond == 0 {
		return nil
	}
	return &rate{perSecond: perSecond}
}

// wait returns when the next message may go, or ctx ends.
func (r *rate) wait(ctx context.Context) {
	if r != nil {
		_ = console.Pause(ctx, r.take())
	}
}

// take takes the next place, and returns how long to wait for it.
func (r *rate) take() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	switch earliest := now.Add(-catchUp); {
	case r.next.IsZero():
		r.next = now
	case r.next.Before(earliest):
		r.next = earliest
	}
	wait := r.next.Sub(now)
	r.next = r.next.Add(r.interval(1))
	return max(wait, 0)
}

// interval returns how long n messages take.
func (r *rate) interval(n int) time.Duration {
	return seconds(float64(n) / r.perSecond)
}

// seconds returns so many seconds, or as long as a duration can be.
func seconds(n float64) time.Duration {
	const most = time.Duration(math.MaxInt64)
	if n >= most.Seconds() {
		return most
	}
	return time.Duration(n * float64(time.Second))
}
