package conformance

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"

	"github.com/coder/websocket"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/sas"
)

// Target is the hub that beliefs are held against.
type Target struct {
	// Service is the string of a policy. One that may write the registry lets the run
	// work with devices of its own.
	Service sas.ConnectionString
	// Device is a device that the run may use if it cannot make any. Its queue is
	// emptied.
	Device sas.ConnectionString
	// Protocol carries AMQP. MQTT goes over WebSocket if AMQP does.
	Protocol iothub.Protocol
	// CAs are trusted in place of the system's, unless nil.
	CAs *x509.CertPool
	// Dial replaces TCP. Nil means TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// The ports of IoT Hub.
const (
	portAMQP      = "5671"
	portMQTT      = "8883"
	portHTTPS     = "443"
	portEmulation = "5672" // of everything, without TLS
)

// Subprotocols of a WebSocket.
const (
	subprotocolAMQP = "AMQPWSB10"
	subprotocolMQTT = "mqtt"
)

// hub returns the string that says where the hub is.
func (g *Target) hub() sas.ConnectionString {
	if g.Service.HostName != "" {
		return g.Service
	}
	return g.Device
}

// address returns where something listens that usually has a certain port.
func (g *Target) address(usual string) string {
	host, port := g.hub().Endpoint()
	if g.plain() {
		usual = portEmulation
	}
	return net.JoinHostPort(host, cmp.Or(port, usual))
}

func (g *Target) plain() bool { return g.hub().UseDevelopmentEmulator }

// TLS returns the configuration for connections to the hub.
func (g *Target) TLS() *tls.Config {
	host, _ := g.hub().Endpoint()
	// Hubs with TLS 1.2 may ask for the client's certificate later on. Source: a
	// maintainer in Azure/azure-iot-sdk-c#694.
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: g.CAs, Renegotiation: tls.RenegotiateOnceAsClient,
	}
}

func (g *Target) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if g.Dial != nil {
		return g.Dial(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// amqp opens a stream for AMQP.
func (g *Target) amqp(ctx context.Context) (net.Conn, error) {
	if g.Protocol == iothub.AMQPWS {
		c, _, err := g.webSocket(ctx, subprotocolAMQP)
		return c, err
	}
	return g.stream(ctx, portAMQP, g.TLS())
}

// amqpAs opens a stream for AMQP, as a client that has a certificate. That goes over
// TCP: hubs are said to take none over WebSocket.
func (g *Target) amqpAs(c tls.Certificate) opener {
	config := g.TLS()
	config.Certificates = []tls.Certificate{c}
	return func(ctx context.Context) (net.Conn, error) { return g.stream(ctx, portAMQP, config) }
}

// mqtt opens a stream for MQTT.
func (g *Target) mqtt(ctx context.Context) (net.Conn, error) {
	if g.Protocol == iothub.AMQPWS {
		c, _, err := g.webSocket(ctx, subprotocolMQTT)
		return c, err
	}
	return g.stream(ctx, portMQTT, g.TLS())
}

func (g *Target) stream(ctx context.Context, port string, config *tls.Config) (net.Conn, error) {
	c, err := g.dial(ctx, "tcp", g.address(port))
	if err != nil || g.plain() {
		return c, err
	}
	secured := tls.Client(c, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = c.Close() // what went wrong before is what matters
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secured, nil
}

// webSocket opens a WebSocket, and returns the subprotocol that the hub has chosen.
func (g *Target) webSocket(ctx context.Context, offered ...string) (net.Conn, string, error) {
	socket, _, err := websocket.Dial(ctx, g.url("wss", "/$iothub/websocket?iothub-no-client-cert=true"), &websocket.DialOptions{
		HTTPClient: g.client(), Subprotocols: offered,
	})
	if err != nil {
		return nil, "", err
	}
	stream := websocket.NetConn(context.WithoutCancel(ctx), socket, websocket.MessageBinary)
	return &socketStream{stream, socket}, socket.Subprotocol(), nil
}

// socketStream is a WebSocket as a stream. AMQP and MQTT have said goodbye by the time
// it is closed, so it does not wait for the other side to do so again.
type socketStream struct {
	net.Conn
	socket *websocket.Conn
}

func (s *socketStream) Close() error { return s.socket.CloseNow() }

// client returns a client for HTTP.
func (g *Target) client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DialContext: g.dial, TLSClientConfig: g.TLS()},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// url returns the hub's URL with a path, which is encoded already.
func (g *Target) url(scheme, path string) string {
	if g.plain() {
		scheme = scheme[:len(scheme)-1]
	}
	return scheme + "://" + g.address(portHTTPS) + path
}
