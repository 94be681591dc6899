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

	"iothub-c2d/internal/sas"
)

// Ports of AMQP. Source: the IANA registry.
const (
	portAMQP  = "5672" // plain; a local hub has WebSocket there as well
	portAMQPS = "5671"
	portHTTPS = "443" // of AMQP over WebSocket
)

// connection is an AMQP connection to a hub that has let us in, and keeps
// doing so: the token is renewed until close.
type connection struct {
	stream net.Conn
	amqp   *amqp.Conn
	cbs    *cbs      // nil where a certificate does its work
	began  time.Time // when the hub let us in
}

// judge marks err as final if the hub refuses what it has only just let in: the
// next connection, with a token as fresh as this one's, would meet the same.
// Later it may be that the token has died.
func (c *connection) judge(err error) error {
	if errors.Is(err, ErrUnauthorized) && time.Since(c.began) < stable {
		return finalError{err}
	}
	return err
}

// connect dials the hub of the connection string and authenticates.
func connect(ctx context.Context, cs sas.ConnectionString, o Options) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	r := route{cs, o}
	stream, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	host, _ := cs.Endpoint()
	tap := newTap(traced(stream, o.Trace))
	conn, err := amqp.NewConn(ctx, tap, &amqp.ConnOptions{
		HostName: host,
		// No SASL layer: the token goes over $cbs, as in the Node and C# SDKs.
		SASLType: nil,
	})
	if err != nil {
		_ = stream.Close() // what went wrong before is what matters
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = context.DeadlineExceeded // the socket may be the first to notice
		}
		return nil, fmt.Errorf("open AMQP connection to %s: %w", r.address(), refine(err))
	}
	c := &connection{stream: stream, amqp: conn, began: time.Now()}
	o.Logger.Info("connected", "hub", r.address(), "transport", r.transport(), "tls", tlsVersion(stream), "container", tap.container())
	if cs.X509 {
		o.Logger.Info("authenticated", "by", "certificate")
		return c, nil
	}
	if c.cbs, err = authenticate(ctx, conn, cs, o); err != nil {
		_ = c.close() // what went wrong before is what matters
		return nil, c.judge(err)
	}
	c.began = time.Now()
	return c, nil
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

// closeGrace is how long a hub may take to take our good-bye.
const closeGrace = 2 * time.Second

// close ends the renewal and the connection.
func (c *connection) close() error {
	hangUp := time.AfterFunc(closeGrace, func() { _ = c.stream.Close() })
	defer hangUp.Stop()
	if c.cbs != nil {
		c.cbs.stop()
	}
	return c.amqp.Close()
}

// route is the way to a hub.
type route struct {
	cs      sas.ConnectionString
	options Options
}

// plain reports whether to do without TLS.
func (r route) plain() bool { return r.cs.UseDevelopmentEmulator }

// address returns the host and port to dial.
func (r route) address() string {
	host, port := r.cs.Endpoint()
	usual := portAMQPS
	switch {
	case r.plain():
		usual = portAMQP
	case r.options.Protocol == AMQPWS:
		usual = portHTTPS
	}
	return net.JoinHostPort(host, cmp.Or(port, usual))
}

// transport names the route for the log.
func (r route) transport() string {
	transport := string(cmp.Or(r.options.Protocol, AMQP))
	if r.options.Proxy != nil {
		transport += " by proxy " + r.options.Proxy.Host
	}
	return transport
}

// dial opens the byte stream that AMQP runs over.
func (r route) dial(ctx context.Context) (net.Conn, error) {
	switch {
	case r.options.Dial != nil:
		return r.options.Dial(ctx)
	case r.options.Protocol == AMQPWS:
		return r.dialWebSocket(ctx)
	case cmp.Or(r.options.Protocol, AMQP) != AMQP:
		return nil, finalError{fmt.Errorf("there is no protocol %q", r.options.Protocol)}
	}
	stream, err := r.dialTCP(ctx, r.address())
	if err != nil || r.plain() {
		return stream, err
	}
	secured := tls.Client(stream, r.tls())
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = stream.Close() // what went wrong before is what matters
		return nil, fmt.Errorf("TLS with %s: %w", r.address(), err)
	}
	return secured, nil
}

// dialTCP connects to address, by way of the proxy if there is one.
func (r route) dialTCP(ctx context.Context, address string) (net.Conn, error) {
	switch proxy := r.options.Proxy; {
	case proxy != nil && r.plain():
		return nil, finalError{&proxyError{proxyAddress(proxy), errPlainProxy}}
	case proxy != nil:
		return dialProxy(ctx, proxy, address)
	}
	dialer := &net.Dialer{KeepAlive: 30 * time.Second}
	stream, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, dialReason(err))
	}
	if r.plain() {
		if err := checkLoopback(stream.RemoteAddr()); err != nil {
			return nil, errors.Join(err, stream.Close())
		}
	}
	return stream, nil
}

// checkLoopback makes sure that no token leaves this machine without TLS,
// whatever a name resolved to.
func checkLoopback(a net.Addr) error {
	if tcp, ok := a.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return fmt.Errorf("%s is not a loopback address: refusing to connect without TLS", a)
	}
	return nil
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

// tls returns the TLS configuration for the hub.
func (r route) tls() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.options.TLS != nil {
		config = r.options.TLS.Clone()
	}
	config.ServerName, _ = r.cs.Endpoint()
	// Hubs with TLS 1.2 may ask for the client's certificate later on, for
	// WebSocket and REST. Source: a maintainer in Azure/azure-iot-sdk-c#694.
	config.Renegotiation = tls.RenegotiateOnceAsClient
	return config
}

// tlsVersion names the version in use, for the log.
func tlsVersion(stream net.Conn) string {
	if s, ok := stream.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return tls.VersionName(s.ConnectionState().Version)
	}
	return "none"
}
