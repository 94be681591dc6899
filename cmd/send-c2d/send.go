package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// sender sends messages to a hub and reports each. A nil feedback means that no
// feedback is waited for.
type sender struct {
	service  *iothub.Service
	progress *iothub.Progress // of the service
	messages *source
	feedback *tracker
	report   *report
	pace     pace
	rooms    *rooms   // of full queues
	missing  *targets // that the hub does not know

	undecided sync.WaitGroup // messages of which nobody knows what becomes of them
}

// pace says how fast to send.
type pace struct {
	interval time.Duration // between messages
	patience patience      // with a full queue
	inFlight int           // messages that may wait for the hub's answer at once
	rate     *rate         // nil: as fast as may be
}

// errNothingLeft ends the input when the hub knows none of the devices.
var errNothingLeft = errors.New("no message can be sent any more")

// sendAll sends until there are no more messages, or none can be sent any more. It
// calls stop with the error of a message that ends the others as well.
func (s *sender) sendAll(ctx context.Context, stop func(error)) error {
	inFlight := iothub.NewPipeline(s.pace.inFlight, func(e *errand) {
		if err := s.carry(ctx, e); err != nil {
			stop(err)
		}
	})
	untilDecided, done := context.WithCancel(ctx)
	var retrying sync.WaitGroup
	retrying.Go(func() { s.retryAll(untilDecided, inFlight) })
	err := s.startAll(ctx, inFlight)
	s.undecided.Wait()
	done()
	retrying.Wait()
	inFlight.Close()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx) // what the hub says is more important than a mistake in a later line
	case errors.Is(err, errNothingLeft):
		return nil
	}
	return err
}

// startAll starts to send each message in its turn.
func (s *sender) startAll(ctx context.Context, inFlight *iothub.Pipeline[*errand]) error {
	first := true
	for out, err := range s.messages.all() {
		if err != nil {
			return err
		}
		if !first {
			_ = console.Pause(ctx, s.pace.interval) // the end of ctx is noticed below
		}
		first = false
		s.pace.rate.wait(ctx)
		if s.over(ctx) || !s.start(ctx, inFlight, &errand{outgoing: out}) {
			return nil // sendAll returns the cause, if there is one
		}
	}
	return nil
}

// start begins to send a message, or lets it wait behind others.
func (s *sender) start(ctx context.Context, inFlight *iothub.Pipeline[*errand], e *errand) bool {
	s.undecided.Add(1)
	s.report.ledger.begin(e.device)
	if s.rooms.park(ctx, e) {
		return true
	}
	if inFlight.Put(ctx, e) != nil {
		s.undecided.Done()
		return false
	}
	return true
}

// over reports whether nothing more is to be sent.
func (s *sender) over(ctx context.Context) bool { return ctx.Err() != nil || s.nothingLeft() }

// nothingLeft reports whether the hub knows none of the devices.
func (s *sender) nothingLeft() bool { return s.missing.none.Load() }

// errMissing is the error of a message that is not sent: the hub has said of an
// earlier one that it knows no such device.
var errMissing = fmt.Errorf("not tried: %w", iothub.ErrNotFound)

// carry sends a message and reports it, or puts it off. Its error ends the run.
func (s *sender) carry(ctx context.Context, e *errand) error {
	switch {
	case ctx.Err() != nil, s.nothingLeft() && e.awaited == nil: // since the message was made
		s.undecided.Done()
		return nil
	case s.missing.has(e.target()):
		s.rooms.answered(e, false)
		return s.settle(ctx, e, errMissing)
	case s.rooms.behind(e):
		return nil
	}
	s.expect(ctx, e)
	answer := s.deliver(cmp.Or(e.unknown, ctx), e)
	if e.awaited != nil && s.feedback.isKnown(e.awaited) {
		answer = nil // feedback is only on what the hub has
	}
	if errors.Is(answer, iothub.ErrQueueFull) && !isDoubtful(answer) {
		kept, others := s.rooms.postpone(e)
		if kept {
			return nil
		}
		err := s.settle(ctx, e, answer)
		for _, other := range others {
			err = errors.Join(err, s.settle(ctx, other, answer))
		}
		return err
	}
	s.rooms.answered(e, answer == nil)
	return s.settle(ctx, e, answer)
}

// expect announces a message whose feedback is waited for.
func (s *sender) expect(ctx context.Context, e *errand) {
	switch {
	case s.feedback == nil || e.message.Ack == iothub.AckNone:
	case e.awaited == nil:
		e.unknown, e.awaited = s.feedback.expect(ctx, &e.outgoing)
	default:
		s.feedback.again(e.awaited)
	}
}

// settle reports what has become of a message: answer is nil if the hub has accepted
// it. The error ends the run.
func (s *sender) settle(ctx context.Context, e *errand, answer error) error {
	defer s.undecided.Done()
	m := newSentEvent(&e.outgoing)
	m.took, m.awaited = e.took, e.awaited != nil
	v, err := s.decide(ctx, m, answer)
	if e.awaited == nil {
		return err
	}
	return errors.Join(err, s.feedback.decide(e.awaited, v))
}

// decide reports what has become of a message: answer is nil if the hub has
// accepted it. The error ends the run.
func (s *sender) decide(ctx context.Context, m sentEvent, answer error) (verdict, error) {
	if answer == nil {
		return verdict{state: accepted}, s.report.sent(m)
	}
	ended := ctx.Err() != nil && errors.Is(answer, ctx.Err())
	v := verdict{refused, refusalOf(answer)}
	switch {
	case isDoubtful(answer):
		ends := ended || concernsAll(answer)
		err := s.report.doubtful(m, answer, ends)
		if ends {
			err = answer
		}
		return verdict{state: doubtful}, err
	case ended, v.why == "":
		return verdict{state: refused}, answer
	case v.why == notFound:
		s.missing.add(m.target())
		if s.nothingLeft() {
			s.messages.end(errNothingLeft) // also while it waits for input
		}
	}
	return v, s.report.refused(m, v.why, answer)
}
