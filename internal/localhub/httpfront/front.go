package httpfront

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/broker"
)

// Options are what a [Front] serves.
type Options struct {
	HostName string // of the hub
	Broker   *broker.Broker
	Access   *access.Control
	Logger   *slog.Logger // hears what is done to the hub; a client's own log, what is refused
}

// Front serves the HTTP clients of a hub.
type Front struct{ options Options }

// New returns a front.
func New(o Options) *Front { return &Front{o} }

// Client is what the front has to know of a connection.
type Client struct {
	net.Conn
	Log *slog.Logger
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

// Serve answers the requests that come on a connection, until it ends.
func (f *Front) Serve(ctx context.Context, c Client) {
	const slop = 4 << 10 // what net/http adds to MaxHeaderBytes
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	server := &http.Server{
		Handler:        &handler{f.options, c, stop},
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ReadTimeout:    requestTimeout,
		WriteTimeout:   requestTimeout,
		MaxHeaderBytes: maxHeader - slop,
		ErrorLog:       slog.NewLogLogger(c.Log.Handler(), slog.LevelInfo),
	}
	server.SetKeepAlivesEnabled(false)
	_ = server.Serve(newListener(c.Conn)) // it ends with the connection
}

// handler answers the requests of one client.
type handler struct {
	Options
	client  Client
	outlive func() bool // lets the connection go on when the hub ends, to say goodbye
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if asksForWebSocket(r) {
		h.serveWebSocket(w, r)
		return
	}
	if device, ok := asksForPurge(r); ok {
		h.servePurge(w, r, device)
		return
	}
	h.refuse(w, r, http.StatusNotFound, fmt.Sprintf(notFoundText, h.HostName))
}

const notFoundText = `This is a local stand-in for the Azure IoT Hub %q. On this address it
speaks AMQP 1.0 and MQTT 3.1.1, plain or over TLS, and over WebSocket at the path
` + websocketPath + `. Of the REST API it has the purge of a device's
messages, DELETE /devices/{id}/commands. It has no web page.`

// refuse answers in plain text, and tells the log.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	http.Error(w, text, status)
	h.logRefusal(r, status, http.StatusText(status))
}

func (h *handler) logRefusal(r *http.Request, status int, reason string) {
	h.client.Log.Info("HTTP request refused", "method", r.Method, "path", r.URL.Path, "status", status, "reason", reason)
}

// listener has one connection, and ends with it.
type listener struct {
	net.Conn
	accepted bool
	once     sync.Once
	closed   chan struct{}
}

func newListener(c net.Conn) *listener { return &listener{Conn: c, closed: make(chan struct{})} }

// Accept returns the connection, and the second time that it has ended.
func (l *listener) Accept() (net.Conn, error) {
	if !l.accepted {
		l.accepted = true
		return accepted{l}, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

// Addr returns the address that the client has reached.
func (l *listener) Addr() net.Addr { return l.LocalAddr() }

// Close does nothing: the server calls it when the connection has ended.
func (*listener) Close() error { return nil }

// accepted is the connection of a listener.
type accepted struct{ *listener }

// Close ends the connection, and with it the listener.
func (a accepted) Close() error {
	a.once.Do(func() { close(a.closed) })
	return a.Conn.Close()
}
