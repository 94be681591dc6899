package iothub

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/auth"
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
	turn   gate // to send
	resent atomic.Int64
}

// DialService connects to the hub with a service connection string. The first
// connection is tried once only.
func DialService(ctx context.Context, cs auth.ConnectionString, options *Options) (*Service, error) {
	s := &Service{client: newClient(cs, options), turn: newGate()}
	s.sender = newAttachment(s.client, attachSender)
	if _, _, err := s.sender.get(ctx); err != nil {
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
	message := m.encode(deviceID)
	doubtful := false // some attempt may have reached the hub
	err := s.sender.do(ctx, func(ctx context.Context, sender *amqp.Sender) error {
		if doubtful {
			s.resent.Add(1)
		}
		err := s.attempt(ctx, sender, message)
		doubtful = doubtful || err != nil && !neverTaken(err)
		if ctx.Err() != nil {
			// Half of the message may be on the link, which the next must not follow.
			s.sender.drop(ctx, sender)
		}
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
		if state.Error != nil {
			return state.Error
		}
	}
	// Released and modified also mean that the hub does not have the message.
	return &amqp.Error{Condition: amqp.ErrCondInternalError, Description: fmt.Sprintf("the outcome is %T", state)}
}

// transfer puts the message on the link. go-amqp lets one message after the
// other wait for credit, without regard for the contexts of those behind.
func (s *Service) transfer(ctx context.Context, sender *amqp.Sender, message *amqp.Message) (amqp.SendReceipt, error) {
	if err := s.turn.enter(ctx); err != nil {
		return amqp.SendReceipt{}, noCreditError{err}
	}
	defer s.turn.leave()
	receipt, err := sender.SendWithReceipt(ctx, message, nil)
	var local *amqp.Error
	if ctx.Err() != nil && errors.As(err, &local) && local.Condition == amqp.ErrCondTransferLimitExceeded {
		return receipt, noCreditError{ctx.Err()} // go-amqp's way to say it; the hub said nothing
	}
	return receipt, err
}

// noCreditError says that the hub never let the message be sent.
type noCreditError struct{ error }

func (e noCreditError) Error() string { return "the hub grants no credit: " + e.error.Error() }
func (e noCreditError) Unwrap() error { return e.error }

// neverTaken reports whether err means that the hub does not have the message.
func neverTaken(err error) bool {
	var noCredit noCreditError
	return errors.As(err, &noCredit) || remoteRejection(err) != nil
}

// remoteRejection returns the hub's reason for refusing a delivery, nil if err
// is about anything else.
func remoteRejection(err error) *amqp.Error {
	var rejected *amqp.Error
	var link *amqp.LinkError
	if errors.As(err, &rejected) && !errors.As(err, &link) {
		return rejected
	}
	return nil
}

// Resent returns how many messages were sent again because nobody knew whether
// the hub had them.
func (s *Service) Resent() int { return int(s.resent.Load()) }

// Close ends the connection.
func (s *Service) Close() error { return s.client.close() }
