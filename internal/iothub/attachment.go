package iothub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/Azure/go-amqp"
)

// closer is a link of go-amqp.
type closer interface {
	comparable
	Close(ctx context.Context) error
}

// attachment keeps one link of a client attached, each on a session of its own
// so that what ends one session does not harm another link.
type attachment[L closer] struct {
	client *client
	attach func(ctx context.Context, s *amqp.Session) (L, error)

	attempts attempts // to attach it; their gate guards what follows
	link     L        // zero if there is none
	session  *amqp.Session
	conn     *connection // that link is on
}

func newAttachment[L closer](c *client, attach func(ctx context.Context, s *amqp.Session) (L, error)) *attachment[L] {
	return &attachment[L]{client: c, attach: attach, attempts: newAttempts()}
}

// get returns the link, a new one if there is none, and the connection that it
// is on, or should have been. It does not repeat an attempt that has failed since
// there were so many failures.
func (a *attachment[L]) get(ctx context.Context, failures int64) (link L, conn *connection, err error) {
	var none L
	if err := a.attempts.join(ctx, failures); err != nil {
		return none, nil, err
	}
	defer a.attempts.gate.leave()
	if conn, err = a.client.connection(ctx); err != nil {
		a.attempts.share(ctx, err)
		return none, nil, err
	}
	if a.link != none && a.conn == conn {
		return a.link, conn, nil
	}
	a.link, a.conn = none, conn
	open, stop := a.client.untilClosed(ctx)
	defer stop()
	if err = a.attempts.wait(open); err != nil {
		return none, conn, err
	}
	if err = a.attachTo(open, conn); err != nil {
		err = conn.judge(err)
		a.attempts.failed(ctx, err)
		return none, conn, err
	}
	a.attempts.succeeded()
	return a.link, conn, nil
}

// attachTo attaches the link, on a new session of the connection.
func (a *attachment[L]) attachTo(ctx context.Context, conn *connection) error {
	ctx, cancel := context.WithTimeout(ctx, a.client.options.ConnectTimeout)
	defer cancel()
	session, err := conn.amqp.NewSession(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin session: %w", refine(err))
	}
	link, err := a.attach(ctx, session)
	if err != nil {
		_ = session.Close(ctx) // what went wrong before is what matters
		return err
	}
	a.link, a.session = link, session
	return nil
}

// farewell is how long to wait for the hub to confirm the end of a session that
// is not needed any more. It is not worth more.
const farewell = 5 * time.Second

// drop forgets a link that has failed, and reports whether it did: it may have
// been replaced already. It ends the link's session, which may have survived,
// and waits for the hub to say so, which returns what the link held.
func (a *attachment[L]) drop(ctx context.Context, failed L) bool {
	var none L
	if failed == none || a.attempts.gate.enter(ctx) != nil {
		return false
	}
	defer a.attempts.gate.leave()
	if a.link != failed {
		return false
	}
	a.link = none
	a.attempts.lost()
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	_ = a.session.Close(ctx) // or it has gone with the connection
	return true
}

// close detaches the link, which gives back what it holds unsettled. A link
// that is lost has nothing to give, but its session may still be there.
func (a *attachment[L]) close(ctx context.Context) error {
	var none L
	if err := a.attempts.gate.enter(ctx); err != nil {
		return err
	}
	defer a.attempts.gate.leave()
	if a.link == none {
		return nil
	}
	err := a.link.Close(ctx)
	ended := a.session.Close(ctx)
	a.link = none
	for _, err := range []error{err, ended} {
		if err != nil && !linkLost(err) {
			return refine(err)
		}
	}
	return nil
}

// do runs op on the link. If that fails it heals what is broken and runs op
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
		failures = a.attempts.failures.Load() // healing may take its time
		r := remedyFor(err)
		if r == stop || r != again && a.client.options.NoReconnect {
			a.heal(ctx, damage(err), link, conn) // for the next operation
			return err
		}
		a.recover(ctx, r, err, link, conn)
		if attached && r == again { // get sees to its own
			refusals++
			a.client.hold(ctx, err, refusals)
		}
		if ctx.Err() != nil {
			return ended(ctx, err)
		}
	}
}

// try runs op on the link, unless that has been lost with its connection: what
// it still holds can no longer be settled.
func (a *attachment[L]) try(ctx context.Context, link L, conn *connection, op func(ctx context.Context, link L) error) error {
	if err := conn.lost(); err != nil {
		return conn.judge(refine(err))
	}
	a.client.health.restored()
	return conn.judge(refine(op(ctx, link)))
}

// hold waits before what the hub has refused so many times is tried again.
func (c *client) hold(ctx context.Context, refused error, times int) {
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

// recover heals what err broke, and says so.
func (a *attachment[L]) recover(ctx context.Context, r remedy, err error, link L, conn *connection) {
	if a.heal(ctx, r, link, conn) || conn == nil {
		a.client.health.lost(err)
	}
}

// heal removes what is broken, and reports whether it did; get makes it anew.
func (a *attachment[L]) heal(ctx context.Context, r remedy, link L, conn *connection) bool {
	switch r {
	case relink:
		return a.drop(ctx, link)
	case reconnect:
		return a.client.drop(ctx, conn)
	}
	return false
}
