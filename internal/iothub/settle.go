package iothub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/tap"
)

// ErrNotSettled marks the error of a settlement that the hub has not carried out.
// The message comes again when its lock has run out. The device, or the receiver
// of feedback, is as good as before.
var ErrNotSettled = errors.New("the hub did not settle the message")

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
	w := h.attachment.client.options.Progress.begin(ForAnswer)
	defer w.end()
	err := tell(h.receiver, limited, h.message)
	switch {
	case err == nil:
		return nil
	case limited.Err() != nil:
		// go-amqp never gives the credit back for a settlement that it stopped to
		// wait for. A new link has all of it.
		h.attachment.drop(ctx, h.receiver)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", what, w.ended(ctx, err))
		}
		return fmt.Errorf("%s: %w: %w", what, ErrLockLost, err)
	case linkLost(err):
		return fmt.Errorf("%s: %w: %w", what, ErrLockLost, refine(err))
	}
	return fmt.Errorf("%s: %w", what, notSettled(refine(err)))
}

// notSettled returns what the hub's refusal of a settlement means.
func notSettled(err error) error {
	var refused *HubError
	switch {
	case !errors.As(err, &refused), errors.Is(err, ErrLockLost):
		return err
	case refused.Condition == tap.OtherOutcome && goesBack[refused.Message]:
		return fmt.Errorf("%w: the hub answered %s", ErrLockLost, refused.Message)
	case refused.Condition == tap.OtherOutcome:
		return fmt.Errorf("%w: it answered %s", ErrNotSettled, refused.Message)
	case errors.Is(err, ErrNotFound): // the C# device reads it that way too
		return fmt.Errorf("%w: %w", ErrLockLost, err)
	}
	return fmt.Errorf("%w: %w", ErrNotSettled, err)
}

// goesBack has the outcomes by which a message goes back to the queue (AMQP 1.0
// part 3 §3.4.4 and §3.4.5).
var goesBack = map[string]bool{"released": true, "modified": true}
