package iothub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/go-amqp"
)

// settleTimeout is how long the hub may take to confirm a settlement: as long
// as the lock may last that the settlement is about.
const settleTimeout = time.Minute

// held is a message that was received and is not settled yet.
type held struct {
	attachment *attachment[*amqp.Receiver]
	receiver   *amqp.Receiver
	message    *amqp.Message
}

// settle tells the hub what to do with the message and waits for its word. A
// delivery cannot be settled on any link but its own: without that link, or
// its answer, the lock is lost.
func (h held) settle(ctx context.Context, what string, tell func(*amqp.Receiver, context.Context, *amqp.Message) error) error {
	limited, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	err := tell(h.receiver, limited, h.message)
	switch {
	case err == nil:
		return nil
	case limited.Err() != nil:
		// go-amqp never gives the credit back for a settlement that it stopped to
		// wait for. A new link has all of it.
		h.attachment.drop(ctx, h.receiver)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return fmt.Errorf("%s: %w: %w", what, ErrLockLost, err)
	case linkLost(err), errors.Is(refine(err), ErrNotFound): // the C# device reads it that way too
		return fmt.Errorf("%s: %w: %w", what, ErrLockLost, refine(err))
	}
	return fmt.Errorf("%s: %w", what, refine(err))
}
