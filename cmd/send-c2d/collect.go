package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"iothub-c2d/internal/iothub"
)

// receive is the goroutine that takes the feedback in.
//
// All senders of a hub read from one queue, and get each other's records. A
// batch that holds any is neither completed, which would take it from its
// owner, nor kept, which would hide it: it goes back, and since it would come
// straight here again, this reader stays away for a moment. First it looks
// through all that is there, for its own may be behind the others'.
func (t *tracker) receive(ctx context.Context) {
	var turns int // that ended with others' batches in hand
	for {
		foreign, err := t.look(ctx)
		if err == nil && foreign {
			turns++
			err = t.makeWay(ctx, turns)
		}
		if err != nil {
			t.fail(err)
			return
		}
	}
}

// look takes in batches until one is not all ours and no more follow it.
func (t *tracker) look(ctx context.Context) (foreign bool, err error) {
	for {
		waiting, cancel := ctx, context.CancelFunc(func() {})
		if foreign {
			waiting, cancel = context.WithTimeout(ctx, t.quiet)
		}
		batch, err := t.receiver.Receive(waiting)
		ended := waiting.Err() != nil
		cancel()
		switch {
		case err != nil && foreign && ended && ctx.Err() == nil:
			return true, nil
		case err != nil:
			return foreign, err
		}
		ours, err := t.take(ctx, batch)
		if err != nil {
			return foreign, err
		}
		foreign = foreign || !ours
	}
}

// The time that a reader stays away doubles with each turn: the more senders
// there are, the more turns it takes until each has seen all batches alone.
const (
	shortestLeave = 50 * time.Millisecond
	longestLeave  = 2 * time.Second
)

// makeWay gives others' batches back, and stays away for them to be found.
func (t *tracker) makeWay(ctx context.Context, turns int) error {
	if err := t.receiver.Yield(ctx); err != nil {
		return err
	}
	leave := min(shortestLeave<<min(turns-1, 10), longestLeave)
	pause(ctx, leave/2+rand.N(leave)) //nolint:gosec // it only keeps readers out of step
	return ctx.Err()
}

// take reports our records of a batch, and completes the batch if it has no
// others: completing it removes it for everyone.
func (t *tracker) take(ctx context.Context, batch *iothub.FeedbackBatch) (ours bool, err error) {
	ours = true
	for _, f := range batch.Records {
		known, err := t.resolve(f)
		if err != nil {
			return false, err
		}
		ours = ours && known
	}
	if !ours {
		return false, nil
	}
	// Also when the work is done meanwhile: else the next reader finds it.
	const patience = time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err = batch.Complete(ctx)
	if errors.Is(err, iothub.ErrLockLost) {
		err = nil // it comes again, and is known then
	}
	return true, err
}
