package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// reader reads a hub's feedback beside others who do.
//
// All back ends of a hub read from one queue, and get each other's records. A
// batch that holds any that are not this reader's to take is neither completed,
// which would take it from its owner, nor kept, which would hide it: it goes
// back, and since it would come straight here again, this reader stays away for
// a moment. First it looks through all that is there, for its own may be behind
// the others'.
type reader struct {
	receiver *iothub.FeedbackReceiver
	// take looks at a batch, and completes it if it may; it reports whether the
	// batch is done with.
	take func(ctx context.Context, batch *iothub.FeedbackBatch) (done bool, err error)
	// enough ends the reading, if it is set.
	enough func() bool
	quiet  time.Duration // after this long without a batch there are no more
}

// shortestQuiet bounds quiet from below: a hub on the same machine answers at
// once, but has other work as well.
const shortestQuiet = 20 * time.Millisecond

// newReader starts to receive feedback, for take to look at.
func newReader(ctx context.Context, service *iothub.Service, take func(context.Context, *iothub.FeedbackBatch) (bool, error)) (*reader, error) {
	began := time.Now()
	receiver, err := service.ReceiveFeedback(ctx)
	if err != nil {
		return nil, err
	}
	roundTrip := time.Since(began)
	return &reader{receiver: receiver, take: take, quiet: max(2*roundTrip, shortestQuiet)}, nil
}

// leave ends the receiver. What was not completed goes back to the hub.
func (r *reader) leave() {
	const timeout = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = r.receiver.Yield(ctx) // if this fails, the hub takes it back later
}

// read takes batches in until there have been enough, or ctx ends.
func (r *reader) read(ctx context.Context) error {
	for turns := 1; ; turns++ {
		foreign, err := r.look(ctx)
		if err != nil || !foreign {
			return err
		}
		if err := r.makeWay(ctx, turns); err != nil {
			return err
		}
	}
}

// look takes in batches until one is to stay and no more follow it, or until
// there have been enough.
func (r *reader) look(ctx context.Context) (foreign bool, err error) {
	for r.enough == nil || !r.enough() {
		waiting, cancel := ctx, context.CancelFunc(func() {})
		if foreign {
			waiting, cancel = context.WithTimeout(ctx, r.quiet)
		}
		batch, err := r.receiver.Receive(waiting)
		ended := waiting.Err() != nil
		cancel()
		switch {
		case err != nil && foreign && ended && ctx.Err() == nil:
			return true, nil
		case err != nil:
			return foreign, err
		}
		done, err := r.take(ctx, batch)
		if err != nil {
			return foreign, err
		}
		foreign = foreign || !done
	}
	return false, nil
}

// The time that a reader stays away doubles with each turn: the more readers
// there are, the more turns it takes until each has seen all batches alone.
const (
	shortestLeave = 50 * time.Millisecond
	longestLeave  = 2 * time.Second
)

// makeWay gives others' batches back, and stays away for them to be found.
func (r *reader) makeWay(ctx context.Context, turns int) error {
	if err := r.receiver.Yield(ctx); err != nil {
		return err
	}
	leave := min(shortestLeave<<min(turns-1, 10), longestLeave)
	pause(ctx, leave/2+rand.N(leave)) //nolint:gosec // it only keeps readers out of step
	return ctx.Err()
}

// complete takes a batch off the hub, also when the work is done meanwhile:
// else the next reader finds it. A batch whose lock is lost comes again.
func complete(ctx context.Context, batch *iothub.FeedbackBatch) error {
	const patience = time.Second
	ctx, cancel := console.Linger(ctx, patience)
	defer cancel()
	if err := batch.Complete(ctx); !errors.Is(err, iothub.ErrLockLost) {
		return err
	}
	return nil
}
