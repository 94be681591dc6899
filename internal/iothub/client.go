package iothub

import (
	"context"
	"errors"
	"sync"
	"time"

	"iothub-c2d/internal/sas"
)

// errClosed is the error of everything that is done with a closed client.
var errClosed = finalError{errors.New("the client is closed")}

// gate is a mutex that can be waited for with a context. Who passes it may
// wait for the network, so nobody must have to wait for it for ever.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}: // even if ctx has ended: the way is free
		return nil
	default:
	}
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() { <-g }

// client keeps a Service or a Device connected: it makes a connection when one
// is needed and there is none.
type client struct {
	cs      sas.ConnectionString
	options Options

	closing context.Context // ends when no new connection is to be made
	end     context.CancelFunc

	attempts attempts    // to connect; their gate guards conn
	conn     *connection // nil if there is none

	health health
}

func newClient(cs sas.ConnectionString, options *Options) *client {
	o := options.withDefaults()
	c := &client{
		cs:       cs,
		options:  o,
		attempts: newAttempts(),
		health:   health{options: o},
	}
	c.closing, c.end = context.WithCancel(context.Background())
	return c
}

// connection returns the connection, a new one if there is none.
func (c *client) connection(ctx context.Context) (*connection, error) {
	if err := c.attempts.join(ctx, c.attempts.failures.Load()); err != nil {
		return nil, err
	}
	defer c.attempts.gate.leave()
	if c.closing.Err() != nil {
		return nil, errClosed
	}
	if c.conn != nil {
		return c.conn, nil
	}
	open, stop := c.untilClosed(ctx)
	defer stop()
	err := c.attempts.wait(open)
	if err == nil {
		if c.conn, err = connect(open, c.cs, c.options); err == nil {
			c.attempts.succeeded()
			return c.conn, nil
		}
		c.attempts.failed(ctx, err)
	}
	if c.closing.Err() != nil {
		return nil, errClosed
	}
	return nil, err
}

// untilClosed returns a context that ends with ctx, or when the client is
// closed.
func (c *client) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.closing, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// drop closes a connection that has failed, and reports whether it did. The
// error that says so may be late: a connection that has been replaced already
// leaves the new one alone.
func (c *client) drop(ctx context.Context, failed *connection) bool {
	if failed == nil || c.attempts.gate.enter(ctx) != nil {
		return false
	}
	defer c.attempts.gate.leave()
	if c.conn != failed {
		return false
	}
	_ = c.conn.close() // it has failed: nothing more can be said
	c.conn = nil
	c.attempts.lost()
	return true
}

// close ends the connection, and the making of one.
func (c *client) close() error {
	c.end()
	_ = c.attempts.gate.enter(context.Background()) // whoever is inside gives up now
	defer c.attempts.gate.leave()
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
