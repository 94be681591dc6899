package iothub

import (
	"context"
	"errors"
	"fmt"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/auth"
)

// The back end's link addresses. Source: Microsoft docs, iot-hub-amqp-support.
const (
	sendAddress     = "/messages/devicebound"
	feedbackAddress = "/messages/serviceBound/feedback"
)

// Service is a back end's connection to a hub. Its methods may be called from
// several goroutines.
type Service struct {
	conn    *connection
	session *amqp.Session
	sender  *amqp.Sender
}

// DialService connects to the hub with a service connection string.
func DialService(ctx context.Context, cs auth.ConnectionString, options *Options) (*Service, error) {
	conn, err := connect(ctx, cs, options.withDefaults())
	if err != nil {
		return nil, err
	}
	s := &Service{conn: conn}
	if err := s.attach(ctx); err != nil {
		return nil, errors.Join(err, conn.close())
	}
	return s, nil
}

func (s *Service) attach(ctx context.Context) (err error) {
	if s.session, err = s.conn.amqp.NewSession(ctx, nil); err != nil {
		return fmt.Errorf("begin session: %w", refine(err))
	}
	if s.sender, err = s.session.NewSender(ctx, sendAddress, nil); err != nil {
		return fmt.Errorf("attach %s: %w", sendAddress, refine(err))
	}
	return nil
}

// Send sends m to a device and returns when the hub has accepted it. A refusal
// is a [*HubError]; any other error leaves open whether the hub has it.
func (s *Service) Send(ctx context.Context, deviceID string, m *Message) error {
	if err := s.sender.Send(ctx, m.encode(deviceID), nil); err != nil {
		return fmt.Errorf("send to %s: %w", deviceID, refine(err))
	}
	return nil
}

// feedbackCredit is how many feedback messages a receiver holds at most. They
// may all be other senders', so it must be able to look past some.
const feedbackCredit = 100

// ReceiveFeedback starts to receive delivery feedback. All back ends of a hub
// share one queue of it: what one takes, no other sees.
func (s *Service) ReceiveFeedback(ctx context.Context) (*FeedbackReceiver, error) {
	receiver, err := s.session.NewReceiver(ctx, feedbackAddress, &amqp.ReceiverOptions{
		Credit:         feedbackCredit,
		SettlementMode: amqp.ReceiverSettleModeSecond.Ptr(),
	})
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", feedbackAddress, refine(err))
	}
	return &FeedbackReceiver{receiver}, nil
}

// Close ends the connection.
func (s *Service) Close() error { return s.conn.close() }

// FeedbackReceiver receives feedback messages.
type FeedbackReceiver struct{ receiver *amqp.Receiver }

// Receive waits for the next feedback message.
func (f *FeedbackReceiver) Receive(ctx context.Context) (*FeedbackBatch, error) {
	m, err := f.receiver.Receive(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("receive feedback: %w", refine(err))
	}
	records, err := decodeFeedback(body(m))
	if err != nil {
		return nil, err
	}
	return &FeedbackBatch{Records: records, receiver: f.receiver, message: m}, nil
}

// Close stops receiving. Batches that were not completed go back to the hub,
// for others to read, and this does not count against them.
func (f *FeedbackReceiver) Close(ctx context.Context) error {
	if err := f.receiver.Close(ctx); err != nil {
		return fmt.Errorf("detach %s: %w", feedbackAddress, refine(err))
	}
	return nil
}

// FeedbackBatch is one feedback message: the records that the hub had when it
// sent it, for whatever devices and senders.
type FeedbackBatch struct {
	Records  []Feedback
	receiver *amqp.Receiver
	message  *amqp.Message
}

// Complete removes the batch from the hub.
func (b *FeedbackBatch) Complete(ctx context.Context) error {
	if err := b.receiver.AcceptMessage(ctx, b.message); err != nil {
		return fmt.Errorf("complete feedback: %w", refine(err))
	}
	return nil
}
