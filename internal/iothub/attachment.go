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

	gate    gate // guards what follows
	link    L    // zero if there is none
	session *amqp.Session
	conn    *connection // that link is on
}

func newAttachment[L closer](c *client, attach func(ctx context.Context, s *amqp.Session) (L, error)) *attachment[L] {
	return &attachment[L]{client: c, attach: attach, gate: newGate()}
}

// get returns the link, a new one if there is none, and the connection that it
// is on, or should have been.
func (a *attachment[L]) get(ctx context.Context) (link L, conn *connection, err error) {
	var none L
	if err := a.gate.enter(ctx); err != nil {
		return none, nil, err
	}
	defer a.gate.leave()
	conn, err = a.client.connection(ctx)
	if err != nil {
		return none, nil, err
	}
	if a.link != none && a.conn == conn {
		return a.link, conn, nil
	}
	ctx, stop := a.client.untilClosed(ctx)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, a.client.options.ConnectTimeout)
	defer cancel()
	session, err := conn.amqp.NewSession(ctx, nil)
	if err != nil {
		return none, conn, fmt.Errorf("begin session: %w", refine(err))
	}
	if link, err = a.attach(ctx, session); err != nil {
		_ = session.Close(ctx) // what went wrong before is what matters
		return none, conn, attachError(err)
	}
	a.link, a.session, a.conn = link, session, conn
	return link, conn, nil
}

// attachError marks refusals of a new link that a new connection would only
// meet again: its token is fresh.
func attachError(err error) error {
	if errors.Is(err, ErrUnauthorized) {
		return finalError{err}
	}
	return err
}

// drop forgets a link that has failed, and reports whether it did: it may have
// been replaced already. It ends the link's session, which may have survived,
// and waits for the hub to say so, which returns what the link held. That is
// worth a moment, but not more.
func (a *attachment[L]) drop(ctx context.Context, failed L) bool {
	var none L
	if failed == none || a.gate.enter(ctx) != nil {
		return false
	}
	defer a.gate.leave()
	if a.link != failed {
		return false
	}
	a.link = none
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = a.session.Close(ctx) // or it has gone with the connection
	return true
}

// close detaches the link, which gives back what it holds unsettled. A link
// that is lost has nothing to give.
func (a *attachment[L]) close(ctx context.Context) error {
	var none L
	if err := a.gate.enter(ctx); err != nil {
		return err
	}
	defer a.gate.leave()
	if a.link == none {
		return nil
	}
	err := a.link.Close(ctx)
	if err == nil {
		err = a.session.Close(ctx)
	}
	a.link = none
	if connectionLost(err) {
		return nil
	}
	return refine(err)
}

// stable is how long an operation must have been under way for its end to count
// as a new fault, which is answered at once, and not as the last one going on.
const stable = 10 * time.Second

// do runs op on the link. If that fails it heals what is broken and runs op
// again, until it succeeds, ctx ends or no attempt can help.
func (a *attachment[L]) do(ctx context.Context, op func(ctx context.Context, link L) error) error {
	for attempt := 1; ; attempt++ {
		link, conn, err := a.get(ctx)
		began := time.Now()
		attached := err == nil
		if attached {
			a.client.health.restored()
			err = refine(op(ctx, link))
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ended(ctx, err)
		case a.client.closing.Err() != nil && remoteRejection(err) == nil:
			return errClosed
		}
		r := remedyFor(err)
		if r == stop || a.client.options.NoReconnect {
			a.heal(ctx, damage(err), link, conn) // for the next operation
			return err
		}
		if attached && time.Since(began) > stable {
			attempt = 1
		}
		if a.heal(ctx, r, link, conn) || conn == nil {
			a.client.health.lost(err)
		}
		next := attempt
		if r == again {
			next++ // the hub has just said no: asking at once is of no use
		}
		a.client.pause(ctx, backoff(next, rand.Float64())) //nolint:gosec // it only spreads the load
		if ctx.Err() != nil {
			return ended(ctx, err)
		}
	}
}

// ended returns err as the error of an operation that ended with ctx: go-amqp
// does not always say so.
func ended(ctx context.Context, err error) error {
	if errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// pause waits for d, unless ctx ends or the client is closed.
func (c *client) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-c.closing.Done():
	}
}

// heal removes what is broken, and reports whether it did; get makes it anew.
func (a *attachment[L]) heal(ctx context.Context, r remedy, link L, conn *connection) bool {
	switch r {
	case relink:
		return a.drop(ctx, link)
	case reconnect:
		return a.client.drop(conn)
	}
	return false
}
