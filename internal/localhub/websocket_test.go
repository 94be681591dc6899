package localhub_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub"
)

// TestSubprotocolIsChosen checks the answer that the SDKs look at.
func TestSubprotocolIsChosen(t *testing.T) {
	t.Parallel()
	c, err := overPipes(t, localhub.Options{}).connect(t.Context())
	check(t, err)
	conn, err := dialWebSocket(t.Context(), c, "/$iothub/websocket", "mqtt", "AMQPWSB10")
	check(t, err)
	check(t, conn.Close())
}

// TestSubprotocolIsAnsweredAsOffered checks both names of AMQP, in the client's
// spelling: some clients compare it with their own.
func TestSubprotocolIsAnsweredAsOffered(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, localhub.Options{})
	for _, test := range []struct{ offered, want string }{
		{"AMQPWSB10", "AMQPWSB10"},
		{"amqpwsb10", "amqpwsb10"},
		{"amqp", "amqp"},
		{"AMQP", "AMQP"},
		{"amqp, AMQPWSB10", "AMQPWSB10"},
		{"soap,amqp", "amqp"},
	} {
		c, err := l.connect(t.Context())
		check(t, err)
		_, err = io.WriteString(c, "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\n"+upgradeHeader+"Sec-WebSocket-Protocol: "+test.offered+"\r\n\r\n")
		check(t, err)
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		check(t, err)
		if got := response.Header.Get("Sec-WebSocket-Protocol"); response.StatusCode != http.StatusSwitchingProtocols || got != test.want {
			t.Errorf("%s: answered with %d %q, want 101 %q", test.offered, response.StatusCode, got, test.want)
		}
		check(t, c.Close())
	}
}

func TestTextMessagesAreRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	l := overLoopback(t, localhub.Options{})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.connect(ctx) }}
	ws, _, err := websocket.Dial(ctx, "ws://localhost/$iothub/websocket", &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		Subprotocols: []string{"AMQPWSB10"},
	})
	check(t, err)
	defer ws.CloseNow()
	check(t, ws.Write(ctx, websocket.MessageText, []byte("AMQP\x00\x01\x00\x00")))
	_, _, err = ws.Read(ctx)
	if got := websocket.CloseStatus(err); got != websocket.StatusUnsupportedData {
		t.Errorf("closed with %v (%v), want %v", got, err, websocket.StatusUnsupportedData)
	}
}

// TestSilentClientIsTold checks that a client hears why it is dropped, over
// WebSocket too.
func TestSilentClientIsTold(t *testing.T) {
	t.Parallel()
	for _, r := range routes() {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				c := overPipes(t, localhub.Options{}).opening(t, r)
				for {
					f, err := amqpwire.ReadFrame(c, 1<<20)
					check(t, err)
					if f.Body == nil {
						continue // a heartbeat
					}
					if got, _ := f.Body.(*amqpwire.Close); got == nil || got.Error == nil || got.Error.Condition != "amqp:resource-limit-exceeded" {
						t.Errorf("the hub sent %s, want a close", f)
					}
					break
				}
				if got := time.Since(start); got != 4*time.Minute {
					t.Errorf("told after %v, want 4m0s", got)
				}
				_ = c.Close()
			})
		})
	}
}
