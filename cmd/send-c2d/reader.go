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

// feedbackReader reads a hub's feedback while others may read it too.
//
// All back ends of a hub read from one queue, and get each other's records. A
// batch with records of others is not completed, which would take them from
// their owner, and not kept, which would hide them: it goes back to the hub.
// Since the hub would deliver it to this reader again at once, the reader then
// stays away for a moment. Before that it reads all batches that are there: its
// own records may be behind those of others.
type feedbackReader struct {
	receiver *iothub.FeedbackReceiver
	// take looks at a batch. It completes it, or returns how many of its records
	// are left for others.
	take   func(ctx context.Context, batch *iothub.FeedbackBatch) (left int, err error)
	enough func() bool   // ends the reading
	quiet  time.Duration // after this long without a batch there are no more
	left   atomic.Int64  // the most records that were left for others at one time
}

// A hub on the same machine answers at once, but may be busy. The survey, which
// happens once only, gives it more time.
const (
	shortestQuiet  = 20 * time.Millisecond
	shortestSurvey = 100 * time.Millisecond
)

// newReader starts to receive feedback for take, until there is enough. A nil
// enough means never.
func newReader(ctx context.Context, service *iothub.Service,
	take func(context.Context, *iothub.FeedbackBatch) (int, error), enough func() bool,
) (*feedbackReader, error) {
	if enough == nil {
		enough = func() bool { return false }
	}
	began := time.Now()
	receiver, err := service.ReceiveFeedback(ctx)
	if err != nil {
		return nil, err
	}
	roundTrip := time.Since(began)
	return &feedbackReader{receiver: receiver, take: take, enough: enough, quiet: max(2*roundTrip, shortestQuiet)}, nil
}

// close ends the receiver. Batches that were not completed go back to the hub.
func (r *feedbackReader) close() {
	const timeout = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = r.receiver.Yield(ctx) // if this fails, the hub takes them back later
}

// survey reads the batches that are there already.
func (r *feedbackReader) survey(ctx context.Context) error {
	left, err := r.readThrough(ctx, max(r.quiet, shortestSurvey))
	if err != nil || left == 0 {
		return err
	}
	return r.receiver.Yield(ctx)
}

// read reads batches until there have been enough, or ctx ends.
func (r *feedbackReader) read(ctx context.Context) error {
	const unlimited = 0
	for round := 0; ; round++ {
		left, err := r.readThrough(ctx, unlimited)
		if err != nil || left == 0 {
			return err
		}
		if err := r.backOff(ctx, round); err != nil {
			return err
		}
	}
}

// readThrough reads batches until no more come and some were left for others, or
// until there have been enough. The first batch may take as long as wait; 0 is no
// limit.
func (r *feedbackReader) readThrough(ctx context.Context, wait time.Duration) (left int, err error) {
	for !r.enough() {
		batch, err := r.next(ctx, wait)
		if err != nil || batch == nil {
			return left, err
		}
		n, err := r.take(ctx, batch)
		if err != nil {
			return left, err
		}
		if left += n; left > 0 {
			wait = r.quiet
			r.left.Store(max(r.left.Load(), int64(left)))
		}
	}
	return 0, nil
}

// next returns the next batch, nil if none comes in time.
func (r *feedbackReader) next(ctx context.Context, wait time.Duration) (*iothub.FeedbackBatch, error) {
	if wait == 0 {
		return r.receiver.Receive(ctx)
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	batch, err := r.receiver.Receive(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil, nil
	}
	return batch, err
}

// The time that a reader stays away doubles with each round: the more readers
// there are, the more rounds it takes until each has had all batches to itself.
const (
	shortestBackOff = 50 * time.Millisecond
	longestBackOff  = 2 * time.Second
)

// backOff gives the batches of others back, and stays away until they are found.
func (r *feedbackReader) backOff(ctx context.Context, round int) error {
	if err := r.receiver.Yield(ctx); err != nil {
		return err
	}
	away := min(shortestBackOff<<min(round, 10), longestBackOff)
	_ = console.Pause(ctx, away/2+rand.N(away)) //nolint:gosec // it only keeps readers out of step
	return ctx.Err()
}

// completeBatch takes a batch off the hub, even if the run ends meanwhile:
// otherwise the next reader finds it. If the lock of the batch is lost, it is not
// gone: it comes again.
func completeBatch(ctx context.Context, batch *iothub.FeedbackBatch) (gone bool, err error) {
	const grace = time.Second
	ctx, cancel := console.WithGrace(ctx, grace)
	defer cancel()
	err = batch.Complete(ctx)
	if errors.Is(err, iothub.ErrLockLost) {
		return false, nil
	}
	return err == nil, err
}
