package iothub

import (
	"context"
	"fmt"

	"github.com/Azure/go-amqp"
)

// feedbackCredit is how many feedback messages a receiver holds at most. They
// may all be other senders', and a receiver that holds no more sees nothing of
// its own: so there must be room for more than nobody reads. IoT Hub puts up to
// 64 records into each, a local hub one.
const feedbackCredit = 1000

// FeedbackReceiver receives feedback messages. It reconnects by itself.
type FeedbackReceiver struct {
	receiver *attachment[*amqp.Receiver]
}

// ReceiveFeedback starts to receive delivery feedback. All back ends of a hub
// share one queue of it: what one completes, no other sees.
func (s *Service) ReceiveFeedback(ctx context.Context) (*FeedbackReceiver, error) {
	f := &FeedbackReceiver{newAttachment(s.client, attachFeedback)}
	attached := func(context.Context, *amqp.Receiver) error { return nil }
	if err := f.receiver.do(ctx, attached); err != nil {
		return nil, err
	}
	return f, nil
}

func attachFeedback(ctx context.Context, session *amqp.Session) (*amqp.Receiver, error) {
	return attachReceiver(ctx, session, feedbackAddress, feedbackCredit)
}

// Receive waits for the next feedback message. One that cannot be read is left
// to whoever can, unsettled.
func (f *FeedbackReceiver) Receive(ctx context.Context) (*FeedbackBatch, error) {
	for {
		batch, err := f.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("receive feedback: %w", err)
		}
		if batch.Records, err = decodeFeedback(body(batch.held.message)); err == nil {
			return batch, nil
		}
		f.receiver.client.options.Logger.Warn("feedback passed over", "error", err)
	}
}

// next waits for the next feedback message, which is not read yet.
func (f *FeedbackReceiver) next(ctx context.Context) (batch *FeedbackBatch, err error) {
	err = f.receiver.do(ctx, func(ctx context.Context, receiver *amqp.Receiver) error {
		m, err := receiver.Receive(ctx, nil)
		if err != nil {
			return err
		}
		batch = &FeedbackBatch{held: held{f.receiver, receiver, m}}
		return nil
	})
	return batch, err
}

// Yield gives all batches back that were not completed, for others to read,
// and this does not count against them. The next Receive takes up again.
//
// A hub gives a message that is released outright no more than ten chances. That
// a link which is detached gives back what it holds without using one up is
// inferred: AMQP leaves it open, and no documentation says it.
//
// It must not run at once with Receive.
func (f *FeedbackReceiver) Yield(ctx context.Context) error {
	if err := f.receiver.close(ctx); err != nil {
		return fmt.Errorf("detach %s: %w", feedbackAddress, err)
	}
	return nil
}

// FeedbackBatch is one feedback message: the records that the hub had when it
// sent it, for whatever devices and senders.
type FeedbackBatch struct {
	Records []Feedback
	held    held
}

// Complete removes the batch from the hub.
func (b *FeedbackBatch) Complete(ctx context.Context) error {
	return b.held.settle(ctx, "complete feedback", (*amqp.Receiver).AcceptMessage)
}
