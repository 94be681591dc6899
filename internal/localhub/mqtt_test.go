package localhub_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
	"iothub-c2d/internal/sas"
)

// mqttRoute is a way to a hub for MQTT.
type mqttRoute struct {
	name         string // as the hub's log has it
	tls          *tls.Config
	subprotocols []string // of the WebSocket, none for none
}

func mqttRoutes() []mqttRoute {
	return []mqttRoute{
		{"mqtt", nil, nil},
		{"mqtts", &tls.Config{}, nil},
		{"mqtt-ws", nil, []string{"mqtt"}},
		{"mqtt-wss", &tls.Config{}, []string{"mqttv5", "MQTT"}}, // the C SDK's spelling
	}
}

// dial goes the route over a connection to the hub.
func (r mqttRoute) dial(ctx context.Context, l line) (net.Conn, error) {
	c, err := l.dialer(route{tls: r.tls})(ctx)
	if err != nil || r.subprotocols == nil {
		return c, err
	}
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
	ws, answer, err := websocket.Dial(ctx, "ws://localhost/$iothub/websocket?iothub-no-client-cert=true", &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: transport},
		Subprotocols:    r.subprotocols,
		CompressionMode: websocket.CompressionContextTakeover, // offered, as by Node's SDK
	})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if got := answer.Header.Get("Sec-WebSocket-Protocol"); got != "mqtt" {
		return nil, errors.Join(errors.New("the hub chose "+got+", not mqtt"), ws.CloseNow())
	}
	return websocket.NetConn(context.Background(), ws, websocket.MessageBinary), nil
}

// mqttHello returns a CONNECT that the hub must accept.
func mqttHello() *mqttwire.Connect {
	return &mqttwire.Connect{
		ClientID: "dev1", KeepAlive: 600, Username: new("localhost/dev1/?api-version=2021-04-12"),
		Password: mqttwire.Password(signed(defaults.Key(), "localhost/devices/dev1", "", time.Hour)),
	}
}

// connectMQTT returns a client that the hub has let in as dev1.
func connectMQTT(t *testing.T, c net.Conn, change func(*mqttwire.Connect)) *rawclient.Client {
	t.Helper()
	m := rawclient.New(t, c)
	p := mqttHello()
	if change != nil {
		change(p)
	}
	if got := m.Connect(p); got.Code != mqttwire.Accepted {
		t.Fatalf("CONNACK %+v, want code 0", got)
	}
	return m
}

const mqttMessages = "devices/dev1/messages/devicebound/#"

// exchangeMQTT has a back end send a message over AMQP that the device gets over
// MQTT; back comes its feedback.
func exchangeMQTT(t *testing.T, l line, c net.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	service := dialService(ctx, t, l)
	feedback, err := service.ReceiveFeedback(ctx)
	check(t, err)
	m := connectMQTT(t, c, nil)
	if got := m.Subscribe(mqttwire.AtLeastOnce, mqttMessages); got[0] != mqttwire.AtLeastOnce {
		t.Fatalf("granted %v, want 1", got)
	}
	body := strings.Repeat("0123456789", 6000)
	check(t, service.Send(ctx, "dev1", &iothub.Message{ID: "m1", Body: []byte(body), Ack: iothub.AckFull, Properties: map[string]any{"a": "b"}}))
	p := rawclient.Want[*mqttwire.Publish](m)
	const topic = "devices/dev1/messages/devicebound/%24.mid=m1&%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound&iothub-ack=full&a=b"
	if p.Topic != topic || string(p.Payload) != body {
		t.Errorf("topic %q with %d bytes, want %q with %d", p.Topic, len(p.Payload), topic, len(body))
	}
	m.Acknowledge(p)
	batch, err := feedback.Receive(ctx)
	check(t, err)
	if got := batch.Records[0]; got.MessageID != "m1" || got.Status != iothub.Success {
		t.Errorf("feedback = %+v, want Success of m1", got)
	}
	check(t, batch.Complete(ctx))
	m.Send(&mqttwire.Disconnect{})
	m.WantEnd()
}

func dialService(ctx context.Context, t *testing.T, l line) *iothub.Service {
	t.Helper()
	cs := sas.ConnectionString{HostName: "localhost", KeyName: "service", Key: defaults.Key()}
	service, err := iothub.DialService(ctx, cs, &iothub.Options{Dial: l.dialer(route{})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close(context.WithoutCancel(ctx)) })
	return service
}

// TestMQTTOnTheSameAddress goes every way over sockets, in pieces too.
func TestMQTTOnTheSameAddress(t *testing.T) {
	t.Parallel()
	for _, r := range mqttRoutes() {
		for _, shredded := range []bool{false, true} {
			name := r.name
			if shredded {
				name += ", shredded"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var log logBuffer
				l := overLoopback(t, localhub.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
				c, err := r.dial(t.Context(), l)
				check(t, err)
				if shredded {
					c = shredder{c}
				}
				exchangeMQTT(t, l, c)
				if want := "transport=" + r.name + " "; !strings.Contains(log.String(), want) {
					t.Errorf("log = %s, want %q in it", log.String(), want)
				}
			})
		}
	}
}

// TestNothingIsLeftOfMQTT fails in its bubble if a goroutine outlives the hub.
func TestNothingIsLeftOfMQTT(t *testing.T) {
	t.Parallel()
	for _, r := range mqttRoutes() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := overPipes(t, localhub.Options{})
				c, err := r.dial(t.Context(), l)
				check(t, err)
				exchangeMQTT(t, l, c)
				c, err = r.dial(t.Context(), l)
				check(t, err)
				connectMQTT(t, c, nil) // alive when the hub closes
			})
		})
	}
}

// TestMQTTRefusalArrives checks that a client which must not come in gets
// its CONNACK on each way.
func TestMQTTRefusalArrives(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, localhub.Options{})
	for _, r := range mqttRoutes() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			c, err := r.dial(t.Context(), l)
			check(t, err)
			m := rawclient.New(t, c)
			if got := m.Connect(&mqttwire.Connect{ClientID: "dev1", Username: new("localhost/dev1/")}); got.Code != mqttwire.NotAuthorized {
				t.Errorf("CONNACK %+v, want code 5", got)
			}
			check(t, m.Net.Close())
		})
	}
}

// TestMQTTWithCertificates logs in without a token, over TLS.
func TestMQTTWithCertificates(t *testing.T) {
	t.Parallel()
	ca := newPaper(t, "devices' CA", nil, isCA)
	signed, self := newPaper(t, "dev1", ca, nil), newPaper(t, "anything", nil, nil)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	l := overLoopback(t, localhub.Options{
		Devices:   []localhub.Device{{ID: "dev1", Thumbprints: []string{self.sha256()}}},
		ClientCAs: pool,
	})
	for name, p := range map[string]*paper{"of a CA": signed, "by thumbprint": self} {
		t.Run(name, func(t *testing.T) {
			config := &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &p.Certificate, nil }}
			for _, r := range []mqttRoute{{"mqtts", config, nil}, {"mqtt-wss", config, []string{"mqtt"}}} {
				c, err := r.dial(t.Context(), l)
				check(t, err)
				connectMQTT(t, c, func(p *mqttwire.Connect) { p.Password = nil }).WantAlive()
			}
		})
	}
}

// TestMQTTSessionOverRestart checks that a device which never subscribes again,
// such as Python's, gets its messages from the next hub.
func TestMQTTSessionOverRestart(t *testing.T) {
	t.Parallel()
	options := localhub.Options{Data: filepath.Join(t.TempDir(), "data")}
	for round := range 3 {
		hub := newHub(t, options)
		near, far := net.Pipe()
		served := make(chan struct{})
		go func() {
			defer close(served)
			hub.ServeConn(far)
		}()
		m := connectMQTT(t, near, nil)
		if round == 0 {
			m.Subscribe(mqttwire.AtLeastOnce, mqttMessages)
		}
		service, err := iothub.DialService(t.Context(), sas.ConnectionString{HostName: "localhost", KeyName: "service", Key: defaults.Key()},
			&iothub.Options{Dial: func(context.Context) (net.Conn, error) {
				near, far := net.Pipe()
				go hub.ServeConn(far)
				return near, nil
			}})
		check(t, err)
		check(t, service.Send(t.Context(), "dev1", &iothub.Message{ID: "m"}))
		m.Acknowledge(rawclient.Want[*mqttwire.Publish](m))
		m.WantAlive()
		m.HangUp()
		_ = service.Close(t.Context())
		hub.Close()
		<-served
	}
}
