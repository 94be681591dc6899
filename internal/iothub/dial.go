package iothub

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/auth"
)

// Ports of AMQP. Source: the IANA registry.
const (
	portAMQP  = "5672" // plain
	portAMQPS = "5671"
)

// connection is an AMQP connection to a hub that has let us in, and keeps
// doing so: the token is renewed until close.
type connection struct {
	amqp *amqp.Conn
	cbs  *cbs // nil where a certificate does its work
}

// connect dials the hub of the connection string and authenticates.
func connect(ctx context.Context, cs auth.ConnectionString, o Options) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	stream, err := dial(ctx, cs, o)
	if err != nil {
		return nil, err
	}
	conn, err := amqp.NewConn(ctx, newTap(stream), &amqp.ConnOptions{
		HostName: cs.Host(),
		// No SASL layer: the token goes over $cbs, as in the Node and C# SDKs.
		SASLType: nil,
	})
	if err != nil {
		return nil, fmt.Errorf("open AMQP connection to %s: %w", endpoint(cs, o), errors.Join(refine(err), stream.Close()))
	}
	c := &connection{amqp: conn}
	if c.cbs, err = authenticate(ctx, conn, cs, o); err != nil {
		_ = conn.Close() // what went wrong before is what matters
		return nil, err
	}
	o.Logger.Info("connected", "hub", endpoint(cs, o), "tls", !plain(cs, o))
	return c, nil
}

// close ends the renewal and the connection.
func (c *connection) close() error {
	if c.cbs != nil {
		c.cbs.stop()
	}
	return c.amqp.Close()
}

// dial opens the byte stream that AMQP runs over.
func dial(ctx context.Context, cs auth.ConnectionString, o Options) (net.Conn, error) {
	if o.Dial != nil {
		return o.Dial(ctx)
	}
	address := endpoint(cs, o)
	dialer := &net.Dialer{KeepAlive: 30 * time.Second}
	stream, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, dialReason(err))
	}
	if plain(cs, o) {
		return checkLoopback(stream)
	}
	return secure(ctx, stream, cs, o)
}

// dialReason takes off err what the caller says itself: the address, and that
// this was about connecting.
func dialReason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err
}

// plain reports whether to do without TLS.
func plain(cs auth.ConnectionString, o Options) bool { return o.Plain || cs.UseDevelopmentEmulator }

// endpoint returns the address to dial.
func endpoint(cs auth.ConnectionString, o Options) string {
	host, port := cs.Endpoint()
	if plain(cs, o) {
		return net.JoinHostPort(host, cmp.Or(port, portAMQP))
	}
	return net.JoinHostPort(host, cmp.Or(port, portAMQPS))
}

// checkLoopback refuses to speak without TLS to anything but this machine,
// whatever its name resolved to.
func checkLoopback(stream net.Conn) (net.Conn, error) {
	if a, ok := stream.RemoteAddr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%s is not a loopback address: refusing to connect without TLS", a), stream.Close())
	}
	return stream, nil
}

// secure does the TLS handshake.
func secure(ctx context.Context, stream net.Conn, cs auth.ConnectionString, o Options) (net.Conn, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	host, _ := cs.Endpoint()
	config.ServerName = host
	secured := tls.Client(stream, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS with %s: %w", endpoint(cs, o), errors.Join(err, stream.Close()))
	}
	return secured, nil
}
