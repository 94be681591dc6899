package iothub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/auth"
)

// errClosed is the error of everything that is done with a closed client.
var errClosed = finalError{errors.New("the client is closed")}

// client keeps a Service or a Device connected: it makes a connection when one
// is needed and there is none.
type client struct {
	cs      auth.ConnectionString
	options Options

	// lock is a mutex that can be waited for with a context. It guards the rest.
	lock   chan struct{}
	conn   *connection
	closed bool

	health health
}

func newClient(cs auth.ConnectionString, options *Options) *client {
	o := options.withDefaults()
	return &client{
		cs:      cs,
		options: o,
		lock:    make(chan struct{}, 1),
		health:  health{options: o},
	}
}

// connection returns the connection, a new one if there is none.
func (c *client) connection(ctx context.Context) (*connection, error) {
	select {
	case c.lock <- struct{}{}:
		defer func() { <-c.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.closed {
		return nil, errClosed
	}
	if c.conn == nil {
		conn, err := connect(ctx, c.cs, c.options)
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	return c.conn, nil
}

// drop closes a connection that has failed. The error that says so may be
// late: a connection that has been replaced already leaves the new one alone.
func (c *client) drop(failed *connection) {
	c.lock <- struct{}{}
	defer func() { <-c.lock }()
	if failed == nil || c.conn != failed {
		return
	}
	_ = c.conn.close() // it has failed: nothing more can be said
	c.conn = nil
}

func (c *client) close() error {
	c.lock <- struct{}{}
	defer func() { <-c.lock }()
	c.closed = true
	if c.conn == nil {
		return nil
	}
	err := c.conn.close()
	c.conn = nil
	return err
}

// health tells the user when the connection goes and when it is back, once
// each.
type health struct {
	options Options
	mu      sync.Mutex
	since   time.Time // zero while all is well
}

func (h *health) lost(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.since.IsZero() {
		return
	}
	h.since = time.Now()
	if h.options.Lost != nil {
		h.options.Lost(err)
	}
}

func (h *health) restored() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		return
	}
	after := time.Since(h.since)
	h.since = time.Time{}
	if h.options.Restored != nil {
		h.options.Restored(after)
	}
}

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

	mu      sync.Mutex // guards what follows
	link    L          // zero if there is none
	session *amqp.Session
	conn    *connection // that link is on
	since   time.Time   // when it was attached
}

// get returns the link, a new one if there is none.
func (a *attachment[L]) get(ctx context.Context) (link L, conn *connection, err error) {
	conn, err = a.client.connection(ctx)
	if err != nil {
		return link, nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var none L
	if a.link != none && a.conn == conn {
		return a.link, conn, nil
	}
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
	a.link, a.session, a.conn, a.since = link, session, conn, time.Now()
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

// drop forgets a link that has failed, unless it has been replaced already,
// and ends its session, which may have survived.
func (a *attachment[L]) drop(failed L) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var none L
	if failed == none || a.link != failed {
		return
	}
	a.link = none
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = a.session.Close(ctx) // or it has gone with the connection
}

// close detaches the link, which gives back what it holds unsettled.
func (a *attachment[L]) close(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var none L
	if a.link == none {
		return nil
	}
	err := a.link.Close(ctx)
	a.link = none
	return errors.Join(refine(err), a.session.Close(ctx))
}

// stable is how long a link must have lived for its end to count as a new
// fault, which is answered at once, and not as the last one going on.
const stable = 10 * time.Second

// do runs op on the link. If that fails it heals what is broken and runs op
// again, until it succeeds, ctx ends or no attempt can help.
func (a *attachment[L]) do(ctx context.Context, op func(ctx context.Context, link L) error) error {
	for attempt := 1; ; attempt++ {
		link, conn, err := a.get(ctx)
		if err == nil {
			a.client.health.restored()
			err = refine(op(ctx, link))
		}
		if err == nil {
			return nil
		}
		r := remedyFor(err)
		if r == stop || ctx.Err() != nil || a.client.options.NoReconnect {
			return err
		}
		if a.lived() > stable {
			attempt = 1
		}
		a.client.health.lost(err)
		a.heal(r, link, conn)
		select {
		case <-time.After(backoff(attempt, rand.Float64())): //nolint:gosec // it only spreads the load
		case <-ctx.Done():
			return err
		}
	}
}

func (a *attachment[L]) lived() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since.IsZero() {
		return 0
	}
	return time.Since(a.since)
}

// heal removes what is broken; get makes it anew.
func (a *attachment[L]) heal(r remedy, link L, conn *connection) {
	switch r {
	case relink:
		a.drop(link)
	case reconnect:
		a.client.drop(conn)
		a.drop(link)
	}
}
