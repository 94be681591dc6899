package iothub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/go-amqp"
)

// ErrIndeterminate marks the error of a send after which the hub may have the
// message nevertheless: the connection broke before an answer came, or the answer
// said nothing.
var ErrIndeterminate = errors.New("the hub may have the message nevertheless")

// sendTimeout is how long the hub may take to answer one attempt to send. Then
// the connection counts as broken. Source: the operation timeout of the C#
// service SDK.
const sendTimeout = time.Minute

// attemptInTurn is attempt, once it is time for it.
func (s *Service) attemptInTurn(ctx context.Context, sender *amqp.Sender, message *amqp.Message, w *wait) error {
	paced := s.pacer.active.Load()
	if paced {
		w.on(ForTurn)
		if err := s.awaitTurn(ctx); err != nil {
			return unsentError{err}
		}
	}
	err := s.attempt(ctx, sender, message, w)
	s.pacer.leave(paced, err)
	return err
}

func (s *Service) awaitTurn(ctx context.Context) error {
	ctx, stop := s.client.untilClosed(ctx)
	defer stop()
	return s.pacer.enter(ctx)
}

// attempt sends a message once, and waits for the hub's answer.
func (s *Service) attempt(ctx context.Context, sender *amqp.Sender, message *amqp.Message, w *wait) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	w.on(ForCredit)
	receipt, err := s.transfer(ctx, sender, message)
	if err != nil {
		return err
	}
	w.on(ForAnswer)
	state, err := receipt.Wait(ctx)
	if err != nil {
		return err
	}
	switch state := state.(type) {
	case *amqp.StateAccepted:
		return nil
	case *amqp.StateRejected:
		return rejection(state.Error)
	case *amqp.StateReleased, *amqp.StateModified:
		return errReleased
	}
	return ErrNoOutcome
}

// errReleased says that the hub does not have the message, and nothing against
// it: AMQP's outcomes released and modified.
var errReleased = errors.New("the hub gave the message back")

// ErrNoOutcome says that the hub has settled the message, and not how: the error is
// [ErrIndeterminate] as well. To send it again may be to send it twice, each time.
var ErrNoOutcome = finalError{errors.New("the hub answered without an outcome")}

// rejection is the error of a message that the hub rejects. It is final unless
// the reason is known to pass. The Node SDK does not send such a message again
// either.
func rejection(reason *amqp.Error) error {
	if reason == nil {
		reason = &amqp.Error{Condition: amqp.ErrCondNotAllowed, Description: "rejected without a reason"}
	}
	if _, known := remedies[reason.Condition]; !known {
		return finalError{reason}
	}
	return reason
}

// transfer puts the message on the link. In go-amqp, a message that waits for
// credit holds a lock, and the messages behind it wait for that lock even if
// their contexts end. So they wait for s.sending, which heeds contexts.
//
// When ctx ends in the middle of a message, the rest is never sent, and another
// message must not follow on the same link: it would count as the rest.
func (s *Service) transfer(ctx context.Context, sender *amqp.Sender, message *amqp.Message) (amqp.SendReceipt, error) {
	if err := s.sending.lock(ctx); err != nil {
		return amqp.SendReceipt{}, noCredit(err)
	}
	defer s.sending.unlock()
	if sender == s.partial {
		return amqp.SendReceipt{}, unsentError{fmt.Errorf("half of another message is on the link: %w", &amqp.LinkError{})}
	}
	receipt, err := sender.SendWithReceipt(ctx, message, nil)
	if err == nil || ctx.Err() == nil {
		return receipt, untyped(err)
	}
	var local *amqp.Error
	waiting := errors.As(err, &local) && local.Condition == amqp.ErrCondTransferLimitExceeded && !linkLost(err)
	if !waiting || !fitsFrame(message) {
		s.partial = sender
	}
	if waiting {
		return receipt, noCredit(ctx.Err()) // go-amqp's way to say it; the hub said nothing
	}
	return receipt, err
}

// smallestFrame is the least frame size that a peer may ask for, in bytes, less
// what go-amqp adds to a message. Source: AMQP 1.0 part 2 §2.8.19, MIN-MAX-FRAME-SIZE.
const smallestFrame = 512 - 66

// fitsFrame reports whether a message goes out in one piece, whatever frames
// the hub takes.
func fitsFrame(m *amqp.Message) bool {
	encoded, err := m.MarshalBinary()
	return err == nil && len(encoded) <= smallestFrame
}

// unsentError says why the hub cannot have the message.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

func noCredit(err error) error { return unsentError{fmt.Errorf("the hub grants no credit: %w", err)} }

// neverSent reports whether err means that nothing of the message went out.
func neverSent(err error) bool {
	var unsent unsentError
	return errors.As(err, &unsent)
}

// neverTaken reports whether err means that the hub does not have the message.
func neverTaken(err error) bool {
	return neverSent(err) || errors.Is(err, errReleased) || remoteRejection(err) != nil
}

// IsRejection reports whether err is the hub's refusal of this one message. Others
// may be sent: the link and the connection are as good as before.
func IsRejection(err error) bool { return remoteRejection(err) != nil }

// remoteRejection returns the hub's reason for refusing a delivery, nil if err
// is about anything else.
func remoteRejection(err error) *amqp.Error {
	var rejected *amqp.Error
	if errors.As(err, &rejected) && !linkLost(err) {
		return rejected
	}
	return nil
}
