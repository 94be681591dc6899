package localhub_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// route is a way to a hub.
type route struct {
	name string
	tls  *tls.Config // nil for none; the hub's CA is added
	path string      // of the WebSocket, empty for none
}

func routes() []route {
	return []route{
		{"amqp", nil, ""},
		{"amqps", &tls.Config{}, ""},
		{"amqps 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, ""},
		{"ws", nil, "/$iothub/websocket"},
		{"ws, query", nil, "/$iothub/websocket?iothub-no-client-cert=true"},
		{"ws, escaped", nil, "/%24iothub/websocket/"},
		{"ws, servicebus", nil, "/$servicebus/websocket"},
		{"wss", &tls.Config{}, "/$iothub/websocket"},
		{"wss, servicebus", &tls.Config{}, "/$servicebus/websocket/"},
	}
}

// dial goes the route over a connection to the hub.
func (r route) dial(ctx context.Context, hub *localhub.Hub, c net.Conn) (net.Conn, error) {
	if r.tls != nil {
		config := r.tls.Clone()
		config.RootCAs, config.ServerName = trust(hub), "localhost"
		secured := tls.Client(c, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c = secured
	}
	if r.path == "" {
		return c, nil
	}
	return dialWebSocket(ctx, c, r.path, "AMQPWSB10")
}

func dialWebSocket(ctx context.Context, c net.Conn, path string, protocols ...string) (net.Conn, error) {
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
	ws, _, err := websocket.Dial(ctx, "ws://localhost"+path, &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		Subprotocols: protocols,
	})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if ws.Subprotocol() != "AMQPWSB10" {
		return nil, errors.Join(errors.New("the hub did not choose AMQPWSB10"), ws.CloseNow())
	}
	return websocket.NetConn(context.Background(), ws, websocket.MessageBinary), nil
}

func trust(hub *localhub.Hub) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(hub.CACertificate())
	return pool
}

// line carries connections to a hub: over loopback, or through pipes in a
// synctest bubble.
type line struct {
	hub     *localhub.Hub
	connect func(context.Context) (net.Conn, error)
}

// dialer returns what the clients dial with.
func (l line) dialer(r route) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		c, err := l.connect(ctx)
		if err != nil {
			return nil, err
		}
		return r.dial(ctx, l.hub, c)
	}
}

func newHub(t *testing.T, options localhub.Options) *localhub.Hub {
	t.Helper()
	if options.Devices == nil {
		options.Devices = []localhub.Device{{ID: "dev1", Key: defaults.Key()}}
	}
	hub, err := localhub.New(&options)
	if err != nil {
		t.Fatal(err)
	}
	return hub
}

// overLoopback serves a hub on a real socket until the test ends.
func overLoopback(t *testing.T, options localhub.Options) line {
	t.Helper()
	return serve(t, newHub(t, options))
}

// serve serves a hub on a real socket until the test ends, or the hub is closed.
func serve(t *testing.T, hub *localhub.Hub) line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- hub.Serve(l) }()
	t.Cleanup(func() {
		hub.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return line{hub, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}}
}

// overPipes serves a hub on pipes until the test ends, which waits for every
// one of them.
func overPipes(t *testing.T, options localhub.Options) line {
	t.Helper()
	hub := newHub(t, options)
	var served sync.WaitGroup
	t.Cleanup(func() {
		hub.Close()
		served.Wait()
	})
	return line{hub, func(context.Context) (net.Conn, error) {
		client, server := newPipe(&served)
		served.Go(func() { hub.ServeConn(server) })
		return client, nil
	}}
}

// exchange sends a message of so many bytes to dev1, and back comes its
// feedback.
func exchange(t *testing.T, size int, dial func(context.Context) (net.Conn, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	options := &iothub.Options{Dial: dial}
	body := bytes.Repeat([]byte("0123456789"), size/10)
	service, err := iothub.DialService(ctx, sas.ConnectionString{HostName: "localhost", KeyName: "service", Key: defaults.Key()}, options)
	if err != nil {
		t.Fatal(err)
	}
	feedback, err := service.ReceiveFeedback(ctx)
	check(t, err)
	check(t, service.Send(ctx, "dev1", &iothub.Message{ID: "m1", Body: body, Ack: iothub.AckFull}))
	device, err := iothub.DialDevice(ctx, sas.ConnectionString{HostName: "localhost", DeviceID: "dev1", Key: defaults.Key()}, options)
	if err != nil {
		t.Fatal(err)
	}
	d, err := device.Receive(ctx)
	check(t, err)
	if !bytes.Equal(d.Body, body) {
		t.Errorf("got a body of %d bytes, want the %d that were sent", len(d.Body), len(body))
	}
	check(t, d.Complete(ctx))
	batch, err := feedback.Receive(ctx)
	check(t, err)
	if got := batch.Records[0]; got.MessageID != "m1" || got.Status != iothub.Success {
		t.Errorf("feedback = %+v, want Success of m1", got)
	}
	check(t, batch.Complete(ctx))
	// How a WebSocket or a pipe ends may be an error to go-amqp.
	_ = device.Close(ctx)
	_ = service.Close(ctx)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// logBuffer collects a hub's log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
