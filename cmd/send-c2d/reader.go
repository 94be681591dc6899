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
// stays away for a moment. Before that it reads all batches that are there, up to
// a limit: its own records may be behind those of others.
type feedbackReader struct {
	console  *console.Console
	receiver *iothub.FeedbackReceiver
	// take looks at a batch. It completes it, or returns how many of its records
	// are left on the hub.
	take   func(ctx context.Context, batch *iothub.FeedbackBatch) (left int, err error)
	enough func() bool                     // ends the reading; nil: nothing does
	needed func(ctx context.Context) error // returns when there is something to read for; nil: there always is
	quiet  time.Duration                   // after this long without a batch there are no more
	round  round
	left   atomic.Int64 // the most records that were left at one time
	full   atomic.Bool  // the reader has once held all that it may
}

// round is what a reader knows of the batches that it holds now.
type round struct {
	began   time.Time // with the first of them
	held    int       // batches
	left    int       // records in them
	further bool      // they are taken on one link each
}

// full reports whether no more batches may be held.
func (r *round) full() bool { return r.held > iothub.MaxFeedback }

// A hub on the same machine answers at once, but may be busy. The survey, which
// happens once only, gives it more time.
const (
	shortestQuiet  = 20 * time.Millisecond
	shortestSurvey = 100 * time.Millisecond
)

// start starts to receive feedback.
func (r *feedbackReader) start(ctx context.Context, service *iothub.Service) (err error) {
	began := time.Now()
	if r.receiver, err = service.ReceiveFeedback(ctx); err != nil {
		return err
	}
	r.quiet = max(2*time.Since(began), shortestQuiet)
	return nil
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
	if err := r.readThrough(ctx, max(r.quiet, shortestSurvey)); err != nil || r.round.held == 0 {
		return err
	}
	return r.receiver.Yield(ctx)
}

// read reads batches until there have been enough, or ctx ends.
func (r *feedbackReader) read(ctx context.Context) error {
	const unlimited = 0
	if r.round.full() { // by the survey
		if err := r.stayAway(ctx, 0); err != nil {
			return err
		}
	}
	for n := 0; ; n++ {
		err := r.readThrough(ctx, unlimited)
		if err != nil || r.finished() {
			return err
		}
		if err := r.stayAway(ctx, n); err != nil {
			return err
		}
	}
}

func (r *feedbackReader) finished() bool { return r.enough != nil && r.enough() }

// mayTake reports whether another batch is wanted, and may be held.
func (r *feedbackReader) mayTake() bool { return !r.finished() && !r.round.full() }

// readThrough reads batches until no more come and some are held, or until there
// have been enough. The first batch may take as long as wait; 0 is no limit.
func (r *feedbackReader) readThrough(ctx context.Context, wait time.Duration) error {
	r.round = round{}
	for r.mayTake() {
		batch, err := r.next(ctx, wait)
		switch {
		case err != nil:
			return err
		case batch == nil && (r.round.held == 0 || r.round.further):
			return nil
		case batch == nil:
			r.round.further = true
		default:
			held, err := r.look(ctx, batch)
			if err != nil {
				return err
			}
			if !held {
				continue
			}
			wait = r.quiet
		}
		if r.round.further && r.mayTake() && r.lookFurther(ctx) != nil {
			return ctx.Err() // if ctx goes on, the hub does not want that many links
		}
	}
	r.tellFull()
	return nil
}

// lookFurther attaches another link. A hub that does not answer must not keep the
// reader from giving back what it holds.
func (r *feedbackReader) lookFurther(ctx context.Context) error {
	const timeout = 2 * time.Second
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return r.receiver.LookFurther(ctx)
}

// look has a batch looked at, and takes note of it if it is held.
func (r *feedbackReader) look(ctx context.Context, batch *iothub.FeedbackBatch) (held bool, err error) {
	left, err := r.take(ctx, batch)
	if err != nil || left == 0 {
		return false, err
	}
	if r.round.held == 0 {
		r.round.began = time.Now()
	}
	r.round.held++
	r.round.left += left
	r.left.Store(max(r.left.Load(), int64(r.round.left)))
	return true, nil
}

// takeOff says what to do about feedback that nobody reads.
const takeOff = "If nobody reads them, `send-c2d feedback` takes them off the hub."

// tellFull says, once, that the reader sees no further.
func (r *feedbackReader) tellFull() {
	if !r.round.full() || r.full.Swap(true) {
		return
	}
	r.console.Note("The first %d feedback messages of the hub have records of others, and no more are looked at: what is waited for may be behind them. %s", r.round.held, takeOff)
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
// It is never shorter than the round was, so that others get their turn.
//
// After a round that has seen all that it may, the reader stays away for as long as
// a lock lasts: a hub that does not take batches back would give it others, and
// nobody would see any of them.
const (
	shortestAway = 50 * time.Millisecond
	longestAway  = 2 * time.Second
	awayWhenFull = time.Minute
)

// stayAway gives the batches of others back, and stays away until they are found
// and there is something to read for.
func (r *feedbackReader) stayAway(ctx context.Context, n int) error {
	took := time.Since(r.round.began)
	if err := r.receiver.Yield(ctx); err != nil {
		return err
	}
	away := max(min(shortestAway<<min(n, 10), longestAway), took)
	away = away/2 + rand.N(away) //nolint:gosec // it only keeps readers out of step
	if r.round.full() {
		away += awayWhenFull
	}
	if err := console.Pause(ctx, away); err != nil {
		return err
	}
	if r.needed == nil {
		return nil
	}
	return r.needed(ctx)
}

// completeBatch takes a batch off the hub, even if the run ends meanwhile:
// otherwise the next reader finds it. If its lock is lost, or the hub does not do
// it, the batch is not gone: it comes again.
func completeBatch(ctx context.Context, batch *iothub.FeedbackBatch) (gone bool, err error) {
	const grace = time.Second
	ctx, cancel := console.WithGrace(ctx, grace)
	defer cancel()
	err = batch.Complete(ctx)
	if errors.Is(err, iothub.ErrLockLost) || errors.Is(err, iothub.ErrNotSettled) {
		return false, nil
	}
	return err == nil, err
}
