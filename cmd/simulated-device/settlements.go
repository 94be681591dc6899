package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// settlements tell the hub what becomes of messages. Each is told at once, and
// confirmed while others are handled.
type settlements struct {
	print    *printer
	end      context.CancelCauseFunc // of the run, with the first error
	told     context.Context         // it lasts until all that was printed has been settled
	stop     context.CancelFunc      // of told
	pipeline *iothub.Pipeline[settlement]

	mu       sync.Mutex
	changed  sync.Cond // underWay or err, with mu
	underWay int
	err      error // the first
}

// settlement is what becomes of one message.
type settlement struct {
	n        int // of the message, as it was printed
	delivery *iothub.Delivery
	outcome  outcome
}

// mostUnderWay is how many settlements may wait for the hub at once.
const mostUnderWay = 64

// newSettlements returns what settles messages for a run with ctx, which it may end.
func newSettlements(ctx context.Context, p *printer, end context.CancelCauseFunc) *settlements {
	s := &settlements{print: p, end: end}
	s.changed.L = &s.mu
	s.told, s.stop = console.WithGrace(ctx, closeTimeout)
	s.pipeline = iothub.NewPipeline(mostUnderWay, func(x settlement) { s.done(s.settle(x)) })
	return s
}

// put settles a message. It waits only if too many settlements are under way.
func (s *settlements) put(x settlement) error {
	if x.outcome == none {
		s.print.settled(none)
		return nil
	}
	s.mu.Lock()
	s.underWay++
	s.mu.Unlock()
	err := s.pipeline.Put(s.told, x)
	if err != nil {
		s.done(err)
	}
	return err
}

// settle tells the hub, and waits for its word. Its error ends the run.
func (s *settlements) settle(x settlement) error {
	d := x.delivery
	switch err := x.outcome.apply(s.told, d); {
	case errors.Is(err, iothub.ErrLockLost):
		return s.print.lockLost(x.n, d)
	case errors.Is(err, iothub.ErrNotSettled):
		return s.print.notSettled(x.n, d, err)
	case err != nil:
		return fmt.Errorf("message %q: %w", d.ID, err)
	}
	s.print.settled(x.outcome)
	return nil
}

func (s *settlements) done(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underWay--
	if err != nil && s.err == nil {
		s.err = err
		s.end(err)
	}
	s.changed.Broadcast()
}

// enough reports whether count messages are settled. If those that are under way
// would be enough, it waits for the hub's word on them. A count of 0 is never
// reached.
func (s *settlements) enough(count int) bool {
	if count == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && s.print.finished() < count && s.print.finished()+s.underWay >= count {
		s.changed.Wait()
	}
	return s.print.finished() >= count
}

// close waits for the hub's word on all that is under way, and returns the first
// error.
func (s *settlements) close() error {
	defer s.stop()
	s.pipeline.Close()
	return s.err
}
