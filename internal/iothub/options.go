package iothub

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"
)

// Options configure a [Service] or a [Device]. Nil, or the zero value of a
// field, means the default.
type Options struct {
	// SASTTL is the lifetime of the tokens made from a key:
	// [DefaultSASTTL]. They are renewed in time, without a reconnect.
	SASTTL time.Duration
	// Tokens replaces the tokens made from the connection string.
	Tokens TokenSource
	// TLS is the base of the TLS configuration: the system's trust.
	TLS *tls.Config
	// Plain turns TLS off. It is meant for a local hub, and implied by
	// UseDevelopmentEmulator=true.
	Plain bool
	// Dial opens the byte stream, TLS included, in place of the client's own way.
	Dial func(ctx context.Context) (net.Conn, error)
	// Prefetch is how many messages a device holds unsettled at most: 10. Each
	// has its lock running.
	Prefetch int
	// ConnectTimeout is the time to get to an authenticated connection: 30 s.
	ConnectTimeout time.Duration
	// NoReconnect makes the first broken connection an error.
	NoReconnect bool
	// Lost is told when the connection breaks, Restored when it is back after
	// that long; each once. They must not block.
	Lost     func(err error)
	Restored func(after time.Duration)
	// Logger hears of the connection's life: nobody.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Prefetch <= 0 {
		d.Prefetch = 10
	}
	if d.ConnectTimeout <= 0 {
		d.ConnectTimeout = 30 * time.Second
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return d
}
