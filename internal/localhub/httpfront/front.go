package httpfront

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/httpfront/page"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/localhub/throttle"
)

// Options are what a [Front] serves.
type Options struct {
	HostNames []string // of the hub, its own first
	Broker    *broker.Broker
	Registry  *registry.Registry
	Access    *access.Control
	Throttle  throttle.Limits // of receives, and of what is done with the registry
	Memory    Memory          // bounds what all connections hold; nil: nothing does
	Logger    *slog.Logger    // hears what is done to the hub; a client's own log, what is refused
}

// Front serves the HTTP clients of a hub.
type Front struct {
	options   Options
	page      *page.Page
	telemetry atomic.Int64 // messages from devices
}

// New returns a front.
func New(o Options) *Front { return &Front{options: o, page: page.New(o.Broker, o.HostNames[0])} }

// Client is what the front has to know of a connection.
type Client struct {
	net.Conn
	Log          *slog.Logger
	Certificates []*x509.Certificate // the client's, its own first; none if it has shown none
	// AMQP and MQTT serve a WebSocket of theirs: the byte stream in it, until that
	// ends.
	AMQP, MQTT func(ctx context.Context, stream net.Conn)
}

// maxHeader is how long the header of a request may be, in bytes. The SDKs' are
// below 1 kB.
const maxHeader = 32 << 10

// requestTimeout is how long a client may take over a request, and over its
// answer.
const requestTimeout = 30 * time.Second

// idleTimeout is how long a connection may wait for its next request. Clients keep
// one for a minute or two at most.
const idleTimeout = 2 * time.Minute

// Serve answers the requests that come on a connection, until it ends.
func (f *Front) Serve(ctx context.Context, c Client) {
	const slop = 4 << 10 // what net/http adds to MaxHeaderBytes
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	server := &http.Server{
		Handler:        &handler{Options: f.options, front: f, client: c, outlive: stop},
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ReadTimeout:    requestTimeout,
		WriteTimeout:   requestTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeader - slop,
		ErrorLog:       slog.NewLogLogger(c.Log.Handler(), slog.LevelInfo),
	}
	_ = server.Serve(newListener(c.Conn)) // it ends with the connection
}

// Telemetry returns how many messages devices have sent. They are not kept.
func (f *Front) Telemetry() int64 { return f.telemetry.Load() }
