package localhub_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
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
		closes     bool // the connection
	}{
		{"root", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "<title>Local IoT Hub</title>", false},
		{"root as REST", "GET /?api-version=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "ErrorCode:GenericNotFound;", false},
		{"elsewhere", "GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, `local stand-in for the Azure IoT Hub "myhub.localhost"`, false},
		{"HTTP/1.0", "GET /index.html HTTP/1.0\r\n\r\n", 404, "DELETE /devices/{id}/commands", true},
		{"REST", "POST /devices/dev1/messages/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 400, "ErrorCode:InvalidProtocolVersion;", false},
		{"purge, wrong method", "GET /devices/dev1/commands?api-version=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "ErrorCode:GenericNotFound;The local hub does not emulate GET /devices/dev1/commands.", false},
		{"body on request", "PUT / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", 404, "DELETE /devices/{id}/commands", true},
		{"wrong path", "GET /websocket HTTP/1.1\r\nHost: localhost\r\n" + upgradeHeader + "Sec-WebSocket-Protocol: AMQPWSB10\r\n\r\n", 404, "/$iothub/websocket", false},
		{"no upgrade", "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\n\r\n", 426, "Upgrade", false},
		{"no subprotocol", "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\n" + upgradeHeader + "\r\n", 400, "Sec-WebSocket-Protocol: AMQPWSB10", false},
		{"wrong subprotocol", "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\n" + upgradeHeader + "Sec-WebSocket-Protocol: mqttv5, amqp10\r\n\r\n", 400, `"mqtt" for MQTT`, false},
		{"foreign web page", "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n" + upgradeHeader + "Sec-WebSocket-Protocol: AMQPWSB10\r\n\r\n", 403, "not authorized", false},
		{"malformed", "GET /\r\n\r\n", 400, "Bad Request", true},
		{"endless header", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 32<<10-19), 431, "Request Header Fields Too Large", true},
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
				if got.Close != test.closes {
					t.Errorf("the response says that the connection ends: %v, want %v", got.Close, test.closes)
				}
				if got.StatusCode != test.status || !strings.Contains(body, test.text) {
					t.Errorf("got %d %q, want %d and %q", got.StatusCode, body, test.status, test.text)
				}
			})
		}
	}
}

// TestForeignHostsAreRefused checks, on every path, what a page on the web can make
// a browser send, and that what SDKs and people send passes.
func TestForeignHostsAreRefused(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, localhub.Options{HostName: "myhub.azure-devices.net:5671", Aliases: []string{"hub", "Hub.Example:443"}})
	token := signed(defaults.Key(), "localhost", "service", time.Hour)
	paths := []struct {
		request string
		status  int // if it is not refused
	}{
		{"GET / HTTP/1.1\r\n", 200},
		{"GET /none HTTP/1.1\r\n", 404},
		{"GET /page/devices HTTP/1.1\r\n", 200},
		{"GET /page/events HTTP/1.1\r\n", 200},
		{"DELETE /devices/dev1/commands?api-version=1 HTTP/1.1\r\nAuthorization: " + token + "\r\n", 200},
		{"GET /$iothub/websocket HTTP/1.1\r\n" + upgradeHeader + "Sec-WebSocket-Protocol: AMQPWSB10\r\n", 101},
		{"GET /$servicebus/websocket/ HTTP/1.1\r\n" + upgradeHeader + "Sec-WebSocket-Protocol: AMQPWSB10\r\n", 101},
	}
	for _, test := range []struct {
		host, origin string
		passes       bool
	}{
		{"localhost", "", true},
		{"LocalHost:5671", "", true},
		{"localhost.:80", "", true},
		{"myhub.localhost:443", "", true},
		{"127.0.0.1:5672", "", true},
		{"192.0.2.7", "", true},
		{"[::1]:5672", "", true},
		{"[::1]", "", true},
		{"MyHub.azure-devices.net", "", true},
		{"myhub.azure-devices.net:443", "", true},
		{"hub:5672", "", true},
		{"hub.example", "", true},
		{"evil.example", "", false},
		{"evil.example", "http://evil.example", false},
		{"localhost.evil.example:5672", "", false},
		{"evillocalhost", "", false},
		{"127.0.0.1.evil.example", "", false},
		{"hub.evil.example", "", false},
		{"localhost:5672", "http://localhost:5672", true},
		{"localhost:443", "https://localhost", true},
		{"localhost", "https://localhost:443", true},
		{"hub", "http://HUB:80", true},
		{"[::1]:5672", "http://[::1]:5672", true},
		{"localhost:5672", "http://localhost:3000", false},
		{"localhost:5672", "http://127.0.0.1:5672", false},
		{"localhost:443", "http://localhost", false},
		{"localhost", "http://evil.example", false},
		{"127.0.0.1:5672", "http://evil.example:5672", false},
		{"localhost", "null", false},
		{"localhost", "file://", false},
		{"localhost", "localhost", false},
	} {
		for _, path := range paths {
			c, err := l.connect(t.Context())
			check(t, err)
			request := path.request + "Host: " + test.host + "\r\n"
			if test.origin != "" {
				request += "Origin: " + test.origin + "\r\n"
			}
			_, err = io.WriteString(c, request+"\r\n")
			check(t, err)
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			check(t, err)
			want := path.status
			if !test.passes {
				want = http.StatusForbidden
			}
			if response.StatusCode != want {
				t.Errorf("host %q, origin %q, %.30q: %d, want %d", test.host, test.origin, path.request, response.StatusCode, want)
			}
			check(t, c.Close())
		}
	}
}

// readResponse reads an HTTP response.
func readResponse(t *testing.T, c net.Conn) (*http.Response, string) {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	check(t, err)
	body, err := io.ReadAll(r.Body)
	check(t, err)
	return r, string(body)
}
