package amqpfront

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/throttle"
)

// Options are what a [Front] serves.
type Options struct {
	Broker  *broker.Broker
	Access  *access.Control
	Gateway Gateway
	// Memory bounds what all connections hold; nil: nothing does.
	Memory amqpserver.Memory
	// Throttle limits what back ends send, and how fast devices connect.
	Throttle throttle.Limits
	// Faults makes what a connection does wrong on purpose; nil: nothing.
	Faults func(c *amqpserver.Conn, socket net.Conn) Faults
}

// Faults is what one connection does wrong on purpose. Only a hub that was told
// to fail has any.
type Faults interface {
	// Frame sees every frame before it is handled, as [amqpserver.Options.Frame].
	Frame(f amqpwire.Frame) (done bool, err error)
	// Token says how to answer a request for authentication; strikes is false if
	// that is the usual way.
	Token() (status int32, answered, strikes bool)
	// Attach returns the reason to refuse a link that there is no reason to refuse.
	Attach() *amqpwire.Error
	// Sink returns what takes a back end's messages in place of s.
	Sink(s amqpserver.Sink) amqpserver.Sink
	// Source returns what sends a device its messages in place of s.
	Source(s LockSource) amqpserver.Source
}

// Front serves the AMQP clients of a hub.
type Front struct {
	options   Options
	telemetry atomic.Int64 // messages from devices
}

// New returns a front.
func New(o Options) *Front { return &Front{options: o} }

// maxUntrusted is what a client may make the hub hold before it has shown a token
// or a certificate, in bytes: two sessions, a few links and a long token fit in it
// several times.
const maxUntrusted = 32 << 10

// Stream is a client's connection with TLS and WebSocket taken off: what is
// read from it is AMQP.
type Stream struct {
	net.Conn
	Socket       net.Conn            // as it was accepted
	Over         broker.Connection   // what it is called
	Certificates []*x509.Certificate // the client's, its own first; none if it has shown none
}

// Serve speaks with one client until either side closes the connection. It
// returns why it ended, nil if the client closed it in good order.
func (f *Front) Serve(ctx context.Context, s Stream, log *slog.Logger) error {
	options := f.options.Gateway.options()
	options.Logger, options.Explain, options.Goodbye = log, explain, "The hub is closing."
	options.Memory, options.Untrusted = f.options.Memory, maxUntrusted
	var client *Client
	if f.options.Faults != nil {
		options.Frame = func(_ *amqpserver.Conn, frame amqpwire.Frame) (bool, error) { return client.faults.Frame(frame) }
	}
	if f.options.Throttle.Connections != nil {
		options.Delay = func(_ *amqpserver.Conn, address string) time.Duration { return client.delay(address) }
	}
	return amqpserver.Serve(ctx, s.Conn, func(c *amqpserver.Conn) amqpserver.Handler {
		client = f.newClient(c, s)
		return client
	}, &options)
}

// Telemetry returns how many messages devices have sent. They are not kept.
func (f *Front) Telemetry() int64 { return f.telemetry.Load() }
