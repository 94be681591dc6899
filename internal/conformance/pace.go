package conformance

import (
	"context"
	"sync"
	"time"
)

// pace lets things happen so many times a minute, evenly, but for a few that may
// come at once.
type pace struct {
	interval time.Duration // between two; 0: there is no limit
	burst    time.Duration // how far the plan may run ahead of the clock

	mu   sync.Mutex
	next time.Time
}

// atOnce is how many may come at once.
const atOnce = 5

// newPace returns the pace of so many a minute; 0 means any number.
func newPace(perMinute int) *pace {
	if perMinute <= 0 {
		return new(pace)
	}
	interval := time.Minute / time.Duration(perMinute)
	return &pace{interval: interval, burst: atOnce * interval}
}

// wait returns when the next may happen.
func (p *pace) wait(ctx context.Context) error { return sleep(ctx, time.Until(p.take())) }

// take reserves the next place, and returns when it is.
func (p *pace) take() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if earliest := now.Add(-p.burst); p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(p.interval)
	return p.next
}

// hold lets nothing happen for a while: the hub has said that it is too much.
func (p *pace) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if later := time.Now().Add(d); p.next.Before(later) {
		p.next = later
	}
}
