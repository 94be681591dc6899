package iothub

import (
	"context"
	"errors"

	"iothub-c2d/internal/sas"
)

// errClosed is the error of everything that is done with a closed client.
var errClosed = finalError{errors.New("the client is closed")}

// client keeps a Service or a Device connected: it makes a connection when one
// is needed and there is none.
type client struct {
	cs      sas.ConnectionString
	options Options

	closing context.Context // ends when no new connection is to be made
	end     context.CancelFunc

	attempts attempts    // to connect; their lock guards conn
	conn     *connection // nil if there is none

	outage  *outage
	library libraryErrors
}

func newClient(cs sas.ConnectionString, options *Options) *client {
	o := options.withDefaults()
	c := &client{
		cs:       cs,
		options:  o,
		attempts: newAttempts(),
		outage:   newOutage(o),
	}
	c.closing, c.end = context.WithCancel(context.Background())
	return c
}

// connection returns the connection, a new one if there is none.
func (c *client) connection(ctx context.Context) (*connection, error) {
	if err := c.attempts.lock(ctx, c.attempts.failures.Load()); err != nil {
		return nil, err
	}
	defer c.attempts.unlock()
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
		c.library.count(err)
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

// drop closes a connection that has failed, and reports whether it did. Several
// operations may find the same connection broken: if it has been replaced
// already, there is nothing left to do.
func (c *client) drop(ctx context.Context, failed *connection) bool {
	if failed == nil || c.attempts.mu.lock(ctx) != nil {
		return false
	}
	defer c.attempts.unlock()
	if c.conn != failed {
		return false
	}
	_ = c.conn.close(context.WithoutCancel(ctx)) // it has failed: nothing more can be said
	c.conn = nil
	c.attempts.lost()
	return true
}

// close ends the connection, and the making of one.
func (c *client) close(ctx context.Context) error {
	c.end()
	_ = c.attempts.mu.lock(context.Background()) // whoever holds it gives up now
	defer c.attempts.unlock()
	if c.conn == nil {
		return nil
	}
	err := c.conn.close(ctx)
	c.conn = nil
	return err
}
