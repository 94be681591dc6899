package localhub_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub"
)

func TestOneAddressAnyProtocol(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, localhub.Options{})
	for _, r := range routes() {
		t.Run(r.name, func(t *testing.T) { exchange(t, 60_000, l.dialer(r)) })
	}
}

// TestNothingIsLeftBehind fails in its bubble if a goroutine outlives the hub.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	for _, r := range routes() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				exchange(t, 60_000, overPipes(t, localhub.Options{}).dialer(r))
			})
		})
	}
}

// shredder sends everything in tiny pieces.
type shredder struct{ net.Conn }

func (s shredder) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		k, err = s.Conn.Write(p[n:min(n+1+n%7, len(p))])
		n += k
	}
	return n, err
}

// TestShreddedFrames checks that where a client cuts its bytes into segments,
// TLS records or WebSocket messages means nothing.
func TestShreddedFrames(t *testing.T) {
	t.Parallel()
	for _, r := range routes() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if r.tls != nil && r.path != "" {
				t.Skip("covered by either alone")
			}
			dial := overLoopback(t, localhub.Options{}).dialer(r)
			exchange(t, 1000, func(ctx context.Context) (net.Conn, error) {
				c, err := dial(ctx)
				return shredder{c}, err
			})
		})
	}
}

// converse sends bytes to a hub and returns all that it answers until it hangs
// up, and its log.
func converse(t *testing.T, send string) (answer, log string) {
	t.Helper()
	var buf logBuffer
	hub := newHub(t, localhub.Options{Logger: slog.New(slog.NewTextHandler(&buf, nil))})
	defer hub.Close()
	client, server := net.Pipe()
	defer client.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		hub.ServeConn(server)
	}()
	go func() { _, _ = io.WriteString(client, send) }() // the hub may not want all of it
	all, err := io.ReadAll(client)
	check(t, err)
	<-done
	return string(all), buf.String()
}

func TestOtherProtocols(t *testing.T) {
	t.Parallel()
	const amqp10 = "AMQP\x00\x01\x00\x00"
	for _, test := range []struct{ name, send, answer, log string }{
		{"AMQP 0-9-1", "AMQP\x00\x00\x09\x01", amqp10, "this is AMQP 0-9-1"},
		{"AMQP 0-8", "AMQP\x01\x01\x08\x00", amqp10, "as RabbitMQ"},
		{"TLS within AMQP", "AMQP\x02\x01\x00\x00", amqp10, "TLS from the first byte"},
		{"AMQP of the future", "AMQP\x00\x02\x00\x00", amqp10, "not AMQP 1.0"},
		{"MQTT 5", "\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01d", "\x20\x02\x00\x01", "level 5 is not MQTT 3.1.1"},
		{"MQTT 3.1", "\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01d", "\x20\x02\x00\x01", "level 3 is not MQTT 3.1.1"},
		{"like MQTT", "\x10\x0d\x00\x04HTTP\x04\x02\x00\x3c", "", "neither AMQP, MQTT, TLS nor HTTP"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", "this is HTTP/2"},
		{"SSH", "SSH-2.0-OpenSSH_9.6\r\n", "", "neither AMQP, MQTT, TLS nor HTTP"},
		{"zeros", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "", "neither AMQP, MQTT, TLS nor HTTP"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer, log := converse(t, test.send)
			if answer != test.answer {
				t.Errorf("answer = %q, want %q", answer, test.answer)
			}
			if !strings.Contains(log, test.log) || !strings.Contains(log, "level=INFO") {
				t.Errorf("log = %q, want %q in it, at level INFO", log, test.log)
			}
		})
	}
}

func TestTLSInsideTLS(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, localhub.Options{})
	r := route{tls: &tls.Config{}}
	outer, err := l.dialer(r)(t.Context())
	check(t, err)
	if _, err := r.dial(t.Context(), l.hub, outer); err == nil {
		t.Error("TLS inside TLS was accepted")
	}
}

// stalls are clients that fall silent at some point of getting connected.
func stalls() map[string]func(context.Context, line) (net.Conn, error) {
	after := func(send string) func(context.Context, line) (net.Conn, error) {
		return func(ctx context.Context, l line) (net.Conn, error) {
			c, err := l.connect(ctx)
			if err == nil {
				_, err = io.WriteString(c, send)
			}
			return c, err
		}
	}
	via := func(r route) func(context.Context, line) (net.Conn, error) {
		return func(ctx context.Context, l line) (net.Conn, error) { return l.dialer(r)(ctx) }
	}
	return map[string]func(context.Context, line) (net.Conn, error){
		"at once":            after(""),
		"in AMQP's header":   after("AMQP"),
		"in a TLS record":    after("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
		"in an HTTP request": after("GET /$iothub/websocket HTTP/1.1\r\nHost: loc"),
		"in an HTTP body":    after("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234"),
		"after TLS":          via(route{tls: &tls.Config{}}),
		"after ws":           via(route{path: "/$iothub/websocket"}),
		"after wss":          via(route{tls: &tls.Config{}, path: "/$iothub/websocket"}),
	}
}

func TestSilentClientsTimeOut(t *testing.T) {
	t.Parallel()
	for name, stall := range stalls() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				c, err := stall(t.Context(), overPipes(t, localhub.Options{}))
				check(t, err)
				_, _ = io.Copy(io.Discard, c) // until the hub hangs up
				_ = c.Close()
				if waited := time.Since(start); waited != 30*time.Second {
					t.Errorf("the hub waited for %v, want 30s", waited)
				}
			})
		})
	}
}

func TestCloseDoesNotWaitForSilentClients(t *testing.T) {
	t.Parallel()
	for name, stall := range stalls() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hub := newHub(t, localhub.Options{})
				var pumps sync.WaitGroup
				client, server := newPipe(&pumps)
				served := make(chan struct{})
				go func() {
					defer close(served)
					hub.ServeConn(server)
				}()
				c, err := stall(t.Context(), line{hub, func(context.Context) (net.Conn, error) { return client, nil }})
				check(t, err)
				synctest.Wait()
				start := time.Now()
				hub.Close()
				<-served
				if waited := time.Since(start); waited > 5*time.Second {
					t.Errorf("the connection lived on for %v", waited)
				}
				_ = c.Close()
				pumps.Wait()
			})
		})
	}
}
