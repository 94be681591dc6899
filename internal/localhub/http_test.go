package localhub_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub"
)

const upgradeHeader = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

func TestHTTPAnswers(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, localhub.Options{HostName: "myhub.localhost"})
	for _, test := range []struct {
		name, send string
		status     int
		text       string
	}{
		{"root", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404, `local stand-in for the Azure IoT Hub "myhub.localhost"`},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 404, "DELETE /devices/{id}/commands"},
		{"REST", "POST /devices/dev1/messages/events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 404, "DELETE /devices/{id}/commands"},
		{"purge, wrong method", "GET /devices/dev1/commands?api-version=1 HTTP/1.1\r\nHost: x\r\n\r\n", 404, "DELETE /devices/{id}/commands"},
		{"body on request", "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", 404, "DELETE /devices/{id}/commands"},
		{"wrong path", "GET /websocket HTTP/1.1\r\nHost: x\r\n" + upgradeHeader + "Sec-WebSocket-Protocol: AMQPWSB10\r\n\r\n", 404, "/$iothub/websocket"},
		{"no upgrade", "GET /$iothub/websocket HTTP/1.1\r\nHost: x\r\n\r\n", 426, "Upgrade"},
		{"no subprotocol", "GET /$iothub/websocket HTTP/1.1\r\nHost: x\r\n" + upgradeHeader + "\r\n", 400, "Sec-WebSocket-Protocol: AMQPWSB10"},
		{"wrong subprotocol", "GET /$iothub/websocket HTTP/1.1\r\nHost: x\r\n" + upgradeHeader + "Sec-WebSocket-Protocol: mqttv5, amqp\r\n\r\n", 400, `"mqtt" for MQTT`},
		{"foreign web page", "GET /$iothub/websocket HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n" + upgradeHeader + "Sec-WebSocket-Protocol: AMQPWSB10\r\n\r\n", 403, "not authorized"},
		{"malformed", "GET /\r\n\r\n", 400, "Bad Request"},
		{"endless header", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 32<<10-19), 431, "Request Header Fields Too Large"},
	} {
		for _, r := range []route{{name: "http"}, {name: "https", tls: &tls.Config{}}} {
			t.Run(test.name+" over "+r.name, func(t *testing.T) {
				t.Parallel()
				c, err := l.dialer(r)(t.Context())
				check(t, err)
				defer c.Close()
				_, err = io.WriteString(c, test.send)
				check(t, err)
				got, body := readResponse(t, c)
				if got.StatusCode != test.status || !strings.Contains(body, test.text) {
					t.Errorf("got %d %q, want %d and %q", got.StatusCode, body, test.status, test.text)
				}
			})
		}
	}
}

// readResponse reads an HTTP response and checks that it ends the connection.
func readResponse(t *testing.T, c net.Conn) (*http.Response, string) {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	check(t, err)
	body, err := io.ReadAll(r.Body)
	check(t, err)
	if !r.Close {
		t.Error("the response does not say that the connection ends")
	}
	return r, string(body)
}
