package iothub

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/url"
	"time"

	"iothub-c2d/internal/iothub/dial"
	"iothub-c2d/internal/sas"
)

// Protocol is a way to carry AMQP.
type Protocol = dial.Protocol

// The protocols of Microsoft's tutorial.
const (
	AMQP   = dial.AMQP   // over TLS, port 5671
	AMQPWS = dial.AMQPWS // over WebSocket and TLS, port 443
)

// Options configure a [Service] or a [Device]. Nil, or the zero value of a
// field, means the default.
type Options struct {
	// SASTTL is the lifetime of the tokens made from a key, which are renewed in
	// time, without a reconnect. Default: 1 h.
	SASTTL time.Duration
	// Tokens replaces the tokens made from the connection string. Default: none.
	Tokens TokenSource
	// Protocol is the transport. Default: [AMQP].
	Protocol Protocol
	// Proxy is an HTTP proxy to go by, which takes TLS. Default: none; over
	// WebSocket, the one that the environment names (HTTPS_PROXY, NO_PROXY).
	Proxy *url.URL
	// Trace is where every frame is written as text, without tokens. Default:
	// nowhere.
	Trace io.Writer
	// TLS is the base of the TLS configuration. It holds the certificate of an
	// X.509 device. Default: the system's trust.
	TLS *tls.Config
	// Dial replaces the way to open the byte stream, TLS included. Default: none.
	Dial func(ctx context.Context) (net.Conn, error)
	// Prefetch is how many messages a device holds unsettled at most, each with its
	// lock running. Default: 50, which is all that IoT Hub keeps for a device. A device
	// that takes its time over each message should hold fewer.
	Prefetch int
	// ConnectTimeout is the time to get to an authenticated connection.
	// Default: 30 s.
	ConnectTimeout time.Duration
	// NoReconnect makes the first broken connection an error. What the hub refuses
	// for the moment is tried again nevertheless. Default: false.
	NoReconnect bool
	// Lost is called when the connection breaks, Restored when it is back, with how
	// long that took. They are called in turns, never at the same time. They should
	// not block: the operation that has noticed waits for them. Default: none.
	Lost     func(err error)
	Restored func(after time.Duration)
	// Throttled is called when the hub has refused a back end's message because there
	// were too many at a time, the first time only: from then on, messages are sent as
	// fast as the hub takes them. It should not block. Default: none.
	Throttled func(err error)
	// Progress is told what the client waits for. Default: nobody is.
	Progress *Progress
	// Logger hears of the connection's life. Default: nobody.
	Logger *slog.Logger

	fleet bool // the connection is a fleet's, each of whose devices shows its own token
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Trace != nil {
		d.Trace = maskingWriter{d.Trace}
	}
	if d.Prefetch <= 0 {
		d.Prefetch = 50
	}
	if d.ConnectTimeout <= 0 {
		d.ConnectTimeout = 30 * time.Second
	}
	if d.Progress == nil {
		d.Progress = new(Progress)
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return d
}

// route returns the way to the hub of a connection string.
func (o *Options) route(cs sas.ConnectionString) dial.Route {
	return dial.Route{Hub: cs, Protocol: o.Protocol, Proxy: o.Proxy, TLS: o.TLS, Open: o.Dial}
}
