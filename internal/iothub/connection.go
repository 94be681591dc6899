package iothub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/dial"
	"iothub-c2d/internal/iothub/tap"
	"iothub-c2d/internal/sas"
)

// connection is an AMQP connection to a hub that has authenticated us. It shows
// the hub new tokens until close.
type connection struct {
	stream net.Conn
	tap    *tap.Tap // on the stream
	amqp   *amqp.Conn
	cbs    *cbs      // nil if a certificate authenticates us
	began  time.Time // when the hub authenticated us
	logger *slog.Logger

	fleet  bool // it authenticates each device by itself
	shared sharedSession
}

// connect dials the hub of the connection string and authenticates.
func connect(ctx context.Context, cs sas.ConnectionString, o Options) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	o.Progress.reached(ForConnection)
	route := o.route(cs)
	c, err := dialAMQP(ctx, route, cs, o)
	if err != nil {
		return nil, err
	}
	o.Logger.Info("connected", "hub", route.Address(), "transport", route, "tls", dial.TLSVersion(c.stream), "container", c.tap.Container())
	if err := c.authenticate(ctx, cs, o); err != nil {
		_ = c.close(context.WithoutCancel(ctx)) // what went wrong before is what matters
		return nil, c.classify(err)
	}
	c.began = time.Now()
	return c, nil
}

// dialAMQP opens the byte stream, and AMQP on it. If the server says nothing, it
// finds out why.
func dialAMQP(ctx context.Context, route dial.Route, cs sas.ConnectionString, o Options) (*connection, error) {
	watched, silence := watchSilence(ctx, route, o.Progress)
	defer silence.heard()
	stream, err := route.Dial(watched)
	if err != nil {
		return nil, silence.explain(err)
	}
	c := &connection{stream: stream, tap: tap.New(stream, o.Trace), logger: o.Logger, fleet: o.fleet, shared: newSharedSession()}
	err = c.open(watched, cs)
	if err == nil {
		return c, nil
	}
	if !c.tap.Spoke() && !errors.Is(err, ErrNotAMQP) {
		silence.broke(ctx)
	}
	return nil, silence.explain(fmt.Errorf("open AMQP connection to %s: %w", route.Address(), refine(err)))
}

// open exchanges the AMQP header and open frames.
func (c *connection) open(ctx context.Context, cs sas.ConnectionString) (err error) {
	host, _ := cs.Endpoint()
	c.amqp, err = amqp.NewConn(ctx, c.tap, &amqp.ConnOptions{
		HostName:     host,
		MaxFrameSize: tap.MaxFrameSize,
		// No SASL layer: the token goes over $cbs, as in the Node and C# SDKs.
		SASLType: nil,
	})
	if err != nil {
		_ = c.tap.Close() // what went wrong before is what matters
		c.tap.Wait()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = context.DeadlineExceeded // the socket may be the first to notice
		}
		return err
	}
	c.began = time.Now()
	return nil
}

// authenticate shows the hub who we are. A certificate has done so in TLS.
func (c *connection) authenticate(ctx context.Context, cs sas.ConnectionString, o Options) (err error) {
	if cs.X509 {
		o.Logger.Info("authenticated", "by", "certificate")
		return nil
	}
	o.Progress.reached(forAuthentication)
	if c.cbs, err = newCBS(ctx, c.amqp, o); err != nil || o.fleet {
		return err
	}
	expires, err := c.cbs.authenticate(ctx, cs)
	if err == nil {
		o.Logger.Info("authenticated", "by", "token", "for", cs.Resource(), "expires", expires.UTC().Format(time.RFC3339))
	}
	return err
}

// classify marks what err alone does not tell.
func (c *connection) classify(err error) error {
	switch {
	case errors.Is(err, ErrUnauthorized) && !c.fleet && time.Since(c.began) < stableAfter:
		// The hub refuses what it has only just authenticated. The next connection,
		// with a token as new as this one's, would be refused as well. Later, the
		// token may have expired.
		return finalError{err}
	case c.endedByLibrary(err):
		return libraryError{err}
	}
	return err
}

// lost returns why the connection has ended; nil if it has not.
func (c *connection) lost() error {
	select {
	case <-c.amqp.Done():
		return cmp.Or(c.amqp.Err(), error(&amqp.ConnError{}))
	default:
		return nil
	}
}

// closeTimeout is how long a hub may take to answer the close frame, and to read
// what goes before it.
const closeTimeout = 2 * time.Second

// close ends the renewal of tokens and the connection. It takes no longer than
// ctx lives.
func (c *connection) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.stream.Close() })
	defer stop()
	if c.cbs != nil {
		c.cbs.stop()
	}
	c.shared.close(ctx)
	defer c.tap.Wait()
	return c.amqp.Close()
}
