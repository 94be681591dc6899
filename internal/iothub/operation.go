package iothub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
)

// do runs op on the link. If that fails it replaces what is broken and runs op
// again, until it succeeds, ctx ends or no attempt can help.
func (a *attachment[L]) do(ctx context.Context, op func(ctx context.Context, link L) error) error {
	failures := a.attempts.failures.Load()
	for refusals := 0; ; {
		link, conn, err := a.get(ctx, failures)
		attached := err == nil
		if attached {
			err = a.try(ctx, link, conn, op)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ended(ctx, err)
		case a.client.closing.Err() != nil && (!attached || remoteRejection(err) == nil):
			return errClosed
		}
		failures = a.attempts.failures.Load() // to replace what is broken may take its time
		r := remedyFor(err)
		if r == stop || r != retry && a.client.options.NoReconnect {
			a.replace(ctx, damage(err), link, conn) // for the next operation
			return err
		}
		a.recover(ctx, r, err, link, conn)
		if attached && r == retry { // get waits by itself
			refusals++
			a.client.backOff(ctx, err, refusals)
		}
		if ctx.Err() != nil {
			return ended(ctx, err)
		}
	}
}

// try runs op on the link, unless its connection is lost: a message that the
// link still holds can no longer be settled.
func (a *attachment[L]) try(ctx context.Context, link L, conn *connection, op func(ctx context.Context, link L) error) error {
	if err := conn.lost(); err != nil {
		return conn.finalIfNew(refine(err))
	}
	a.client.outage.restored()
	return conn.finalIfNew(refine(op(ctx, link)))
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

// recover replaces what err broke, and tells the user of the outage.
func (a *attachment[L]) recover(ctx context.Context, r remedy, err error, link L, conn *connection) {
	if a.replace(ctx, r, link, conn) || conn == nil {
		a.client.outage.lost(err)
	}
}

// replace drops what is broken, and reports whether it did. The next get makes
// it anew.
func (a *attachment[L]) replace(ctx context.Context, r remedy, link L, conn *connection) bool {
	switch r {
	case relink:
		return a.drop(ctx, link)
	case reconnect:
		return a.client.drop(ctx, conn)
	}
	return false
}
