package mqttfront

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/throttle"
)

// Options are what a [Front] serves.
type Options struct {
	Broker *broker.Broker
	Access *access.Control
	Memory Memory // bounds what all connections hold; nil: nothing does
	// Connections limits how fast devices connect; nil: nothing does.
	Connections *throttle.Bucket
}

// Front serves the MQTT clients of a hub.
type Front struct {
	options   Options
	telemetry atomic.Int64 // messages from devices
}

// New returns a front.
func New(o Options) *Front { return &Front{options: o} }

// Stream is a client's connection with TLS and WebSocket taken off: what is
// read from it is MQTT.
type Stream struct {
	net.Conn
	Over         broker.Connection   // what it is called
	Certificates []*x509.Certificate // the client's, its own first; none if it has shown none
}

// Serve speaks with one client until either side closes the connection. It
// returns why it ended, nil if the client closed it in good order, or if ctx
// ended.
func (f *Front) Serve(ctx context.Context, s Stream, log *slog.Logger) error {
	c := newConn(s.Conn, f.options.Memory)
	defer c.net.Close() //nolint:errcheck // nothing is left to lose
	abort := context.AfterFunc(ctx, func() { _ = c.net.Close() })
	defer abort()
	cl, err := f.admit(ctx, c, s, log)
	var refused *refusal
	if errors.As(err, &refused) {
		c.refuse(refused.code)
	}
	if err != nil {
		return err
	}
	abort() // from here on, the owner sees to it
	return cl.serve(ctx)
}

// Telemetry returns how many messages devices have sent. They are not kept.
func (f *Front) Telemetry() int64 { return f.telemetry.Load() }
