package iothub

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// pacer slows down a back end's sends once the hub has said that there are too many.
// IoT Hub has a limit for each minute, which it does not tell. It makes messages wait
// before it refuses any, so the number of those that wait for its answer sets the
// pace: after a refusal only one may, and then ever more while all goes well, as TCP
// does it. After each round of refusals there is a pause for all.
type pacer struct {
	tell   func(error) // of the first refusal; nil: nobody
	log    *slog.Logger
	active atomic.Bool // there has been a refusal: until then, sends only ask this
	turn   mutex       // held by the send that is the next

	mu       sync.Mutex
	window   float64       // how many may wait for the hub's answer
	waiting  int           // for the hub's answer
	resume   time.Time     // nothing is sent before
	refusals int           // rounds of them, less the successes since: it says how long to pause
	changed  chan struct{} // closed when fewer wait; nil: nobody wants to know
}

func newPacer(o Options) *pacer {
	return &pacer{tell: o.Throttled, log: o.Logger, turn: newMutex()}
}

// enter returns when a message may be sent. It is called only when p is active.
func (p *pacer) enter(ctx context.Context) error {
	if err := p.turn.lock(ctx); err != nil {
		return err
	}
	defer p.turn.unlock()
	for {
		pauseFor, changed := p.try()
		switch {
		case changed != nil:
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
		case pauseFor > 0:
			if !pause(ctx, pauseFor) {
				return ctx.Err()
			}
		default:
			return nil
		}
	}
}

// try counts a message in if it may be sent now. Otherwise it returns how long to
// wait, or what to wait for.
func (p *pacer) try() (time.Duration, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if left := time.Until(p.resume); left > 0 {
		return left, nil
	}
	if p.waiting+1 > int(p.window) {
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		return 0, p.changed
	}
	p.waiting++
	return 0, nil
}

// leave takes note of the hub's answer to a message. paced says whether it has entered.
func (p *pacer) leave(paced bool, err error) {
	throttled := remoteRejection(err) != nil && errors.Is(refine(err), ErrThrottled)
	if !paced && !throttled {
		return
	}
	if !p.active.Swap(true) && p.tell != nil {
		p.tell(refine(err))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if paced {
		p.waiting--
	}
	switch {
	case throttled:
		p.slowDown(err)
	case err == nil:
		p.refusals = max(p.refusals-1, 0)
		p.window += 1 / p.window
	}
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// slowDown takes note of a refusal. Those that come during the pause are of the same
// round. Called with mu held.
func (p *pacer) slowDown(err error) {
	now := time.Now()
	if now.Before(p.resume) {
		return
	}
	p.refusals = min(p.refusals+1, mostRefusals)
	p.window = max(p.window/2, 1)
	wait := backoff(p.refusals+1, rand.Float64()) //nolint:gosec // it only spreads the load
	p.resume = now.Add(wait)
	p.log.Warn("trying again", "error", refine(err), "after", wait)
}

// mostRefusals is when the pause has become as long as it gets.
const mostRefusals = 8
