package iothub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/Azure/go-amqp"
)

// operation is what is done on a link. It keeps w up to date.
type operation[L closer] func(ctx context.Context, link L, w *wait) error

// failure is what has become of an attempt at an operation.
type failure[L closer] struct {
	err      error
	attached bool        // the link was there: it is the operation that failed
	link     L           // zero if there is none
	conn     *connection // that was used; nil if there is none
}

// do runs op on the link. If that fails it replaces what is broken and runs op
// again, until it succeeds, ctx ends or no attempt can help.
func (a *attachment[L]) do(ctx context.Context, op operation[L]) error {
	return a.again(ctx, nil, op)
}

// again is do for an operation that has failed already; if failed is nil it has not.
func (a *attachment[L]) again(ctx context.Context, failed *failure[L], op operation[L]) error {
	w := a.client.options.Progress.begin(forStage)
	defer w.end()
	failures := a.attempts.failures.Load()
	for refusals := 0; ; {
		f := failed
		if f == nil {
			f = a.try(ctx, failures, op, w)
		}
		if failed = nil; f.err == nil {
			return nil
		}
		if err := a.interrupted(ctx, f, w); err != nil {
			return err
		}
		w.failed(f.err)
		failures = a.attempts.failures.Load() // to replace what is broken may take its time
		r := a.spare(remedyFor(f.err), f.err)
		if r == stop || r != retry && a.client.options.NoReconnect {
			a.replace(ctx, a.spare(damage(f.err), f.err), f) // for the next operation
			return f.err
		}
		if err := a.recover(ctx, r, f); err != nil {
			return err
		}
		waits := !f.attached || a.paced && errors.Is(f.err, ErrThrottled) // get by itself, or the user of a
		if r == retry && !waits {
			refusals++
			w.on(ForRetry)
			a.client.backOff(ctx, f.err, refusals)
		}
		if ctx.Err() != nil {
			return w.ended(ctx, f.err)
		}
	}
}

// spare spares the connection of a fleet, unless it is the connection that is broken:
// what ails one device is no matter of the others.
func (a *attachment[L]) spare(r remedy, err error) remedy {
	var broken *amqp.ConnError
	if a.member && r == reconnect && !errors.As(err, &broken) {
		return relink
	}
	return r
}

// try makes one attempt: it gets the link and runs op on it. It does not if the
// connection is lost: a message that the link still holds can no longer be
// settled.
func (a *attachment[L]) try(ctx context.Context, knownFailures int64, op operation[L], w *wait) *failure[L] {
	w.on(forStage)
	f := new(failure[L])
	if f.link, f.conn, f.err = a.get(ctx, knownFailures); f.err != nil {
		return f
	}
	f.attached = true
	if f.err = f.conn.lost(); f.err == nil {
		a.outage.restored()
		f.err = op(ctx, f.link, w)
	}
	if f.err != nil {
		f.err = f.conn.classify(refine(f.err))
	}
	return f
}

// interrupted returns the error of an operation that ctx or [client.close] has
// ended; nil if neither has. What the hub refuses is told nevertheless.
func (a *attachment[L]) interrupted(ctx context.Context, f *failure[L], w *wait) error {
	switch {
	case ctx.Err() != nil:
		return w.ended(ctx, f.err)
	case a.client.closing.Err() != nil && (!f.attached || remoteRejection(f.err) == nil):
		return errClosed
	}
	return nil
}

// backOff waits before what the hub has refused so many times is tried again.
func (c *client) backOff(ctx context.Context, refused error, times int) {
	wait := backoff(times+1, rand.Float64()) //nolint:gosec // it only spreads the load
	c.options.Logger.Warn("trying again", "error", refused, "after", wait)
	ctx, stop := c.untilClosed(ctx)
	defer stop()
	pause(ctx, wait)
}

// ended returns err as the error of an operation that ended with ctx: go-amqp
// does not always say so.
func ended(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return ctx.Err()
	case errors.Is(err, ctx.Err()):
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// recover replaces what is broken, and tells the user of the outage. It returns
// an error if that has been of no use so often that it will not be.
func (a *attachment[L]) recover(ctx context.Context, r remedy, f *failure[L]) error {
	replaced := a.replace(ctx, r, f)
	if replaced || f.conn == nil || a.member && r != retry { // each member has an outage of its own
		a.outage.lost(f.err)
	}
	if replaced && f.attached { // get counts its own
		a.client.library.count(f.err)
	}
	if err := a.client.library.finalIfRepeated(f.err); isFinal(err) {
		return err
	}
	return nil
}

// replace drops what is broken, and reports whether it did. The next get makes
// it anew.
func (a *attachment[L]) replace(ctx context.Context, r remedy, f *failure[L]) bool {
	switch r {
	case relink:
		return a.drop(ctx, f.link)
	case reconnect:
		return a.client.drop(ctx, f.conn)
	}
	return false
}
