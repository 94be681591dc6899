package iothub

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/sas"
)

// The back end's link addresses. Source: Microsoft docs, iot-hub-amqp-support.
const (
	sendAddress     = "/messages/devicebound"
	feedbackAddress = "/messages/serviceBound/feedback"
)

// ErrIndeterminate marks the error of a send after which the hub may have the
// message nevertheless: the connection broke before an answer came.
var ErrIndeterminate = errors.New("the hub may have the message nevertheless")

// sendTimeout is how long the hub may take to answer one attempt to send. Then
// it counts as broken. Source: the operation timeout of the C# service SDK.
const sendTimeout = time.Minute

// Service is a back end's connection to a hub. It reconnects by itself. Its
// methods may be called from several goroutines.
type Service struct {
	client *client
	sender *attachment[*amqp.Sender]
	turn   gate         // to send; it guards half
	half   *amqp.Sender // on which the next message may follow half of the last, as it must not
	resent atomic.Int64
}

// DialService connects to the hub with a service connection string. The first
// connection is tried once only.
func DialService(ctx context.Context, cs sas.ConnectionString, options *Options) (*Service, error) {
	s := &Service{client: newClient(cs, options), turn: newGate()}
	s.sender = newAttachment(s.client, attachSender)
	if _, _, err := s.sender.get(ctx, 0); err != nil {
		_ = s.client.close() // what went wrong before is what matters
		return nil, err
	}
	return s, nil
}

func attachSender(ctx context.Context, session *amqp.Session) (*amqp.Sender, error) {
	sender, err := session.NewSender(ctx, sendAddress, nil)
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", sendAddress, refine(err))
	}
	return sender, nil
}

// Send sends m to a device and returns when the hub has accepted it. If the
// connection breaks before the hub's answer, nobody knows whether it has the
// message: Send sends it again under the same id, so the device may see it
// twice. A refusal is a [*HubError]. An error that is also [ErrIndeterminate]
// leaves open whether an earlier attempt succeeded.
func (s *Service) Send(ctx context.Context, deviceID string, m *Message) error {
	err := ctx.Err()
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		return fmt.Errorf("send to %s: %w", deviceID, err)
	}
	message := m.encode(deviceID)
	doubtful := false // some attempt may have reached the hub
	err = s.sender.do(ctx, func(ctx context.Context, sender *amqp.Sender) error {
		if doubtful {
			s.resent.Add(1)
		}
		err := s.attempt(ctx, sender, message)
		doubtful = doubtful || err != nil && !neverTaken(err)
		return err
	})
	switch {
	case err == nil:
		return nil
	case doubtful:
		return fmt.Errorf("send to %s: %w; %w", deviceID, err, ErrIndeterminate)
	}
	return fmt.Errorf("send to %s: %w", deviceID, err)
}

// attempt sends a message once, and waits for the hub's answer.
func (s *Service) attempt(ctx context.Context, sender *amqp.Sender, message *amqp.Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	receipt, err := s.transfer(ctx, sender, message)
	if err != nil {
		return err
	}
	state, err := receipt.Wait(ctx)
	if err != nil {
		return err
	}
	switch state := state.(type) {
	case *amqp.StateAccepted:
		return nil
	case *amqp.StateRejected:
		return rejection(state.Error)
	}
	// Released and modified mean that the hub does not have the message, and
	// nothing against it.
	return &amqp.Error{Condition: amqp.ErrCondInternalError, Description: fmt.Sprintf("the outcome is %T", state)}
}

// rejection is the error of a message that the hub rejects. It is final unless
// the reason is known to pass: as in the Node SDK, nothing is sent for ever.
func rejection(reason *amqp.Error) error {
	if reason == nil {
		reason = &amqp.Error{Condition: amqp.ErrCondNotAllowed, Description: "rejected without a reason"}
	}
	if _, known := remedies[reason.Condition]; !known {
		return finalError{reason}
	}
	return reason
}

// transfer puts the message on the link. go-amqp lets one message after the
// other wait for credit, without regard for the contexts of those behind.
func (s *Service) transfer(ctx context.Context, sender *amqp.Sender, message *amqp.Message) (amqp.SendReceipt, error) {
	if err := s.turn.enter(ctx); err != nil {
		return amqp.SendReceipt{}, noCredit(err)
	}
	defer s.turn.leave()
	if sender == s.half {
		return amqp.SendReceipt{}, unsentError{fmt.Errorf("half of another message is on the link: %w", &amqp.LinkError{})}
	}
	receipt, err := sender.SendWithReceipt(ctx, message, nil)
	if err == nil || ctx.Err() == nil {
		return receipt, err
	}
	var local *amqp.Error
	waiting := errors.As(err, &local) && local.Condition == amqp.ErrCondTransferLimitExceeded && !linkLost(err)
	if !waiting || !fitsFrame(message) {
		s.half = sender
	}
	if waiting {
		return receipt, noCredit(ctx.Err()) // go-amqp's way to say it; the hub said nothing
	}
	return receipt, err
}

// smallestFrame is what every peer takes in one frame, in bytes, less what
// go-amqp adds to a message. Source: AMQP 1.0 part 2 §2.8.19, MIN-MAX-FRAME-SIZE.
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

// neverTaken reports whether err means that the hub does not have the message.
func neverTaken(err error) bool {
	var unsent unsentError
	return errors.As(err, &unsent) || remoteRejection(err) != nil
}

// remoteRejection returns the hub's reason for refusing a delivery, nil if err
// is about anything else.
func remoteRejection(err error) *amqp.Error {
	var rejected *amqp.Error
	if errors.As(err, &rejected) && !linkLost(err) {
		return rejected
	}
	return nil
}

// Resent returns how many messages were sent again because nobody knew whether
// the hub had them.
func (s *Service) Resent() int { return int(s.resent.Load()) }

// Close ends the connection.
func (s *Service) Close() error { return s.client.close() }
