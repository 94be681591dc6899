package main

import (
	"context"
	"fmt"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// errand is a message on its way, and what is known of it.
type errand struct {
	outgoing
	place   bool            // among those that wait behind others
	tried   bool            // it has waited for room
	probe   bool            // it is tried though nothing says that there is room
	awaited *awaited        // nil: no feedback is waited for, or it has not been tried
	took    time.Duration   // until the hub had answered
	unknown context.Context // of awaited: it ends when feedback comes
}

// deliver hands the message to the hub, and waits for its answer.
func (s *sender) deliver(ctx context.Context, e *errand) error {
	phase := s.report.console.Phase(func() console.Waiting { return s.waiting(e.n) })
	defer phase.End()
	if e.ttl > 0 {
		e.message.Expiry = time.Now().Add(e.ttl)
	}
	began := time.Now()
	err := s.service.Send(ctx, e.device, &e.message)
	e.took = time.Since(began)
	return err
}

// waiting says what the delivery of message n waits for.
func (s *sender) waiting(n int) console.Waiting {
	w, ok := s.progress.Waiting()
	what := fmt.Sprintf("%s, to send message %d", w.For, n)
	switch {
	case !ok, w.For == iothub.ForAnswer, w.For == iothub.ForRetry:
		what = fmt.Sprintf("the hub's answer to message %d", n)
	case w.For == iothub.ForCredit:
		what = fmt.Sprintf("credit to send message %d", n)
	}
	return console.Waiting{For: what, Last: console.Reason(w.Reason), Expected: s.report.isThrottled()}
}

// retryAll tries again what was put off, until ctx ends. What is put off then is
// forgotten.
func (s *sender) retryAll(ctx context.Context, inFlight *iothub.Pipeline[*errand]) {
	for {
		e, ok := s.rooms.next(ctx)
		if ok {
			s.pace.rate.wait(ctx)
			ok = inFlight.Put(ctx, e) == nil
			if !ok {
				s.undecided.Done()
			}
		}
		if !ok {
			break
		}
	}
	for range s.rooms.close() {
		s.undecided.Done()
	}
}
