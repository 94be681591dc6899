package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// feedbackReader reads a hub's feedback beside others who do.
//
// All back ends of a hub read from one queue, and get each other's records. A
// batch that holds any that are not this reader's to take is neither completed,
// which would take it from its owner, nor kept, which would hide it: it goes
// back, and since it would come straight here again, this reader stays away for
// a moment. First it looks through all that is there, for its own may be behind
// the others'.
type feedbackReader struct {
	receiver *iothub.FeedbackReceiver
	// take looks at a batch. It completes it, or says how many of its records are
	// left for others.
	take func(ctx context.Context, batch *iothub.FeedbackBatch) (left int, err error)
	// enough ends the reading, if it is set.
	enough func() bool
	quiet  time.Duration // after this long without a batch there are no more
	left   atomic.Int64  // the most records that one look has left for others
}

// A hub on the same machine answers at once, but has other work as well. It may
// be asked for long only once.
const (
	shortestQuiet  = 20 * time.Millisecond
	shortestSurvey = 100 * time.Millisecond
)

// newReader starts to receive feedback, for take to look at.
func newReader(ctx context.Context, service *iothub.Service, take func(context.Context, *iothub.FeedbackBatch) (int, error)) (*feedbackReader, error) {
	began := time.Now()
	receiver, err := service.ReceiveFeedback(ctx)
	if err != nil {
		return nil, err
	}
	roundTrip := time.Since(began)
	return &feedbackReader{receiver: receiver, take: take, quiet: max(2*roundTrip, shortestQuiet)}, nil
}

// leave ends the receiver. What was not completed goes back to the hub.
func (r *feedbackReader) leave() {
	const timeout = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = r.receiver.Yield(ctx) // if this fails, the hub takes it back later
}

// survey takes in the batches that are there already.
func (r *feedbackReader) survey(ctx context.Context) error {
	left, err := r.look(ctx, max(r.quiet, shortestSurvey))
	if err != nil || left == 0 {
		return err
	}
	return r.receiver.Yield(ctx)
}

// read takes batches in until there have been enough, or ctx ends.
func (r *feedbackReader) read(ctx context.Context) error {
	const unlimited = 0
	for turns := 1; ; turns++ {
		left, err := r.look(ctx, unlimited)
		if err != nil || left == 0 {
			return err
		}
		if err := r.makeWay(ctx, turns); err != nil {
			return err
		}
	}
}

// look takes in batches until some are to stay and no more follow them, or until
// there have been enough. The first may take as long as patience, if that is not
// 0.
func (r *feedbackReader) look(ctx context.Context, patience time.Duration) (left int, err error) {
	for r.enough == nil || !r.enough() {
		batch, err := r.next(ctx, patience)
		if err != nil || batch == nil {
			return left, err
		}
		n, err := r.take(ctx, batch)
		if err != nil {
			return left, err
		}
		if left += n; left > 0 {
			patience = r.quiet
			r.left.Store(max(r.left.Load(), int64(left)))
		}
	}
	return 0, nil
}

// next returns the next batch, nil if none comes in time.
func (r *feedbackReader) next(ctx context.Context, patience time.Duration) (*iothub.FeedbackBatch, error) {
	if patience == 0 {
		return r.receiver.Receive(ctx)
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	batch, err := r.receiver.Receive(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil, nil
	}
	return batch, err
}

// The time that a reader stays away doubles with each turn: the more readers
// there are, the more turns it takes until each has seen all batches alone.
const (
	shortestLeave = 50 * time.Millisecond
	longestLeave  = 2 * time.Second
)

// makeWay gives others' batches back, and stays away for them to be found.
func (r *feedbackReader) makeWay(ctx context.Context, turns int) error {
	if err := r.receiver.Yield(ctx); err != nil {
		return err
	}
	leave := min(shortestLeave<<min(turns-1, 10), longestLeave)
	pause(ctx, leave/2+rand.N(leave)) //nolint:gosec // it only keeps readers out of step
	return ctx.Err()
}

// complete takes a batch off the hub, also when the work is done meanwhile:
// else the next reader finds it. A batch whose lock is lost is not gone: it
// comes again.
func complete(ctx context.Context, batch *iothub.FeedbackBatch) (gone bool, err error) {
	const patience = time.Second
	ctx, cancel := console.Linger(ctx, patience)
	defer cancel()
	err = batch.Complete(ctx)
	if errors.Is(err, iothub.ErrLockLost) {
		return false, nil
	}
	return err == nil, err
}
