package dial

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"

	"iothub-c2d/internal/sas"
)

// Protocol is a way to carry AMQP.
type Protocol string

// The protocols of Microsoft's tutorial.
const (
	AMQP   Protocol = "amqp"    // over TLS, port 5671
	AMQPWS Protocol = "amqp-ws" // over WebSocket and TLS, port 443
)

// Ports of AMQP. Source: the IANA registry.
const (
	portAMQP  = "5672" // plain; a local hub has WebSocket there as well
	portAMQPS = "5671"
	portHTTPS = "443" // of AMQP over WebSocket
)

// ErrSettings says that a [Route] leads nowhere, however often it is tried.
var ErrSettings = errors.New("there is no such route")

// settingsError is an [ErrSettings] that says why in its own words.
type settingsError struct{ error }

func (e settingsError) Unwrap() error        { return e.error }
func (e settingsError) Is(target error) bool { return target == ErrSettings }

// Route leads to a hub. Only Hub must be set.
type Route struct {
	Hub      sas.ConnectionString
	Protocol Protocol    // default: [AMQP]
	Proxy    *url.URL    // default: none; over WebSocket, the one that the environment names
	TLS      *tls.Config // the base of the TLS configuration; default: the system's trust
	// Open replaces all of the above as the way to open the stream, TLS included.
	Open func(ctx context.Context) (net.Conn, error)
}

// plain reports whether to do without TLS.
func (r Route) plain() bool { return r.Hub.UseDevelopmentEmulator }

// Address returns the host and port to connect to.
func (r Route) Address() string {
	host, port := r.Hub.Endpoint()
	usual := portAMQPS
	switch {
	case r.plain():
		usual = portAMQP
	case r.Protocol == AMQPWS:
		usual = portHTTPS
	}
	return net.JoinHostPort(host, cmp.Or(port, usual))
}

// String names the protocol, and the proxy without its password.
func (r Route) String() string {
	s := string(cmp.Or(r.Protocol, AMQP))
	if r.Proxy != nil {
		s += " by proxy " + r.Proxy.Host
	}
	return s
}

// Dial opens the byte stream that AMQP runs over. Its error is an [ErrProxy] if
// the proxy is the cause, and an [ErrSettings] if no other attempt can help.
func (r Route) Dial(ctx context.Context) (net.Conn, error) {
	switch {
	case r.Open != nil:
		return r.Open(ctx)
	case r.Protocol == AMQPWS:
		return r.dialWebSocket(ctx)
	case cmp.Or(r.Protocol, AMQP) != AMQP:
		return nil, settingsError{fmt.Errorf("there is no protocol %q", r.Protocol)}
	}
	stream, err := r.dialTCP(ctx, r.Address())
	if err != nil || r.plain() {
		return stream, err
	}
	return r.secure(ctx, stream)
}
