package main

import (
	"context"
	"errors"
	"fmt"
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
	full     fullQueues
	missing  targets // that the hub does not know
}

// pace says how fast to send.
type pace struct {
	interval       time.Duration // between messages
	retryQueueFull time.Duration // how long to wait for room in a queue
	inFlight       int           // messages that may wait for the hub's answer at once
	rate           *rate         // nil: as fast as may be
}

// errNothingLeft ends the input when the hub knows none of the devices.
var errNothingLeft = errors.New("no message can be sent any more")

// sendAll sends until there are no more messages, or none can be sent any more. It
// calls stop with the error of a message that ends the others as well.
func (s *sender) sendAll(ctx context.Context, stop func(error)) error {
	inFlight := iothub.NewPipeline(s.pace.inFlight, func(out outgoing) {
		if s.over(ctx) {
			return // since the message was made
		}
		if err := s.send(ctx, out); err != nil {
			stop(err)
		}
	})
	err := s.startAll(ctx, inFlight)
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
func (s *sender) startAll(ctx context.Context, inFlight *iothub.Pipeline[outgoing]) error {
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
		if s.over(ctx) || inFlight.Put(ctx, out) != nil {
			return nil // sendAll returns the cause, if there is one
		}
	}
	return nil
}

// over reports whether nothing more is to be sent.
func (s *sender) over(ctx context.Context) bool { return ctx.Err() != nil || s.nothingLeft() }

// nothingLeft reports whether the hub knows none of the devices.
func (s *sender) nothingLeft() bool { return s.missing.all(s.messages.targets) }

// errMissing is the error of a message that is not sent: the hub has said of an
// earlier one that it knows no such device.
var errMissing = fmt.Errorf("not tried: %w", iothub.ErrNotFound)

// send sends one message and reports it. Its error ends the run.
func (s *sender) send(ctx context.Context, out outgoing) error {
	m := newSentEvent(out)
	if s.missing.has(out.target()) {
		return s.report.refused(m, notFound, errMissing)
	}
	if s.feedback == nil || out.message.Ack == iothub.AckNone {
		_, err := s.decide(ctx, m, s.deliver(ctx, out))
		return err
	}
	untilKnown, awaited := s.feedback.expect(ctx, out)
	answer := s.deliver(untilKnown, out)
	if s.feedback.isKnown(awaited) {
		answer = nil // feedback is only on what the hub has
	}
	v, err := s.decide(ctx, m, answer)
	return errors.Join(err, s.feedback.decide(awaited, v))
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

// deliver hands the message to the hub, and waits for its answer.
func (s *sender) deliver(ctx context.Context, out outgoing) error {
	d := delivery{sender: s, out: out}
	phase := s.report.console.Phase(d.waiting)
	defer phase.End()
	return d.persist(ctx)
}
