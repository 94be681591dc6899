package iothub_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// TestConnectErrors names, for each way in which connecting goes wrong, what
// the error says.
func TestConnectErrors(t *testing.T) {
	t.Parallel()
	answer := func(text string) func(*testing.T) string {
		return func(t *testing.T) string {
			return serve(t, func(c net.Conn) {
				io.ReadFull(c, make([]byte, 8))
				io.WriteString(c, text)
				io.Copy(io.Discard, c)
			})
		}
	}
	hub := func(t *testing.T) string { _, address := startHub(t, nil); return address }
	silence := answer("")
	nobody := func(*testing.T) string { return "127.0.0.1:1" }
	proxy := func(at func(*testing.T) string, user *url.Userinfo) func(*testing.T) iothub.Options {
		return func(t *testing.T) iothub.Options {
			return iothub.Options{Proxy: &url.URL{Scheme: "http", Host: at(t), User: user}}
		}
	}
	options := func(o iothub.Options) func(*testing.T) iothub.Options {
		return func(*testing.T) iothub.Options { return o }
	}
	withPassword := func(t *testing.T) string { return startProxy(t, "user", "secret") }
	tests := []struct {
		name    string
		server  func(*testing.T) string
		plain   bool
		options func(*testing.T) iothub.Options
		want    string
	}{
		{"wrong CA", hub, false, options(iothub.Options{TLS: &tls.Config{RootCAs: x509.NewCertPool()}}), "certificate signed by unknown authority"},
		{"wrong CA over WebSocket", hub, false, options(iothub.Options{Protocol: iothub.AMQPWS, TLS: &tls.Config{RootCAs: x509.NewCertPool()}}), "certificate signed by unknown authority"},
		{"HTTP server", answer("HTTP/1.1 400 Bad Request\r\n\r\n"), true, options(iothub.Options{}), `does not speak AMQP: it began with "HTTP/1.1"`},
		{"RabbitMQ", answer("AMQP\x00\x00\x09\x01"), true, options(iothub.Options{}), "does not speak AMQP 1.0 but another version"},
		{"TLS to a plain port", answer("AMQP\x00\x01\x00\x00"), false, options(iothub.Options{}), "first record does not look like a TLS handshake"},
		{"server that is silent", silence, true, options(iothub.Options{ConnectTimeout: 50 * time.Millisecond}), "deadline exceeded"},
		{"server that is silent in TLS", silence, false, options(iothub.Options{ConnectTimeout: 50 * time.Millisecond}), "deadline exceeded"},
		{"server that is silent in HTTP", silence, true, options(iothub.Options{Protocol: iothub.AMQPWS, ConnectTimeout: 50 * time.Millisecond}), "deadline exceeded"},
		{"HTTP server that knows no WebSocket", answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), true, options(iothub.Options{Protocol: iothub.AMQPWS}), "the server answered 404 Not Found"},
		{"proxy without the password", hub, false, proxy(withPassword, nil), "it refused the connection: 407 Proxy Authentication Required"},
		{"proxy with a wrong password", hub, false, proxy(withPassword, url.UserPassword("user", "guess")), "it refused the connection: 407"},
		{"proxy over WebSocket without the password", hub, false, func(t *testing.T) iothub.Options {
			o := proxy(withPassword, nil)(t)
			o.Protocol = iothub.AMQPWS
			return o
		}, "407 Proxy Authentication Required"},
		{"proxy that is silent", hub, false, func(t *testing.T) iothub.Options {
			o := proxy(silence, nil)(t)
			o.ConnectTimeout = time.Second // most of it for the connection to the proxy
			return o
		}, "no answer: context deadline exceeded"},
		{"proxy without TLS", hub, true, proxy(withPassword, url.UserPassword("user", "secret")), "a proxy cannot be used without TLS"},
		{"proxy without TLS over WebSocket", hub, true, func(t *testing.T) iothub.Options {
			o := proxy(withPassword, url.UserPassword("user", "secret"))(t)
			o.Protocol = iothub.AMQPWS
			return o
		}, "a proxy cannot be used without TLS"},
		{"proxy that is not there", hub, false, proxy(nobody, nil), "connection refused"},
		{"proxy that is none", hub, false, proxy(answer("SSH-2.0-server\r\n\r\n"), nil), "it does not answer as a proxy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := tt.server(t)
			cs := secure(t, address, serviceKey+defaults.Key().Base64())
			if tt.plain {
				cs = serviceString(t, address)
			}
			o := tt.options(t)
			_, err := iothub.DialService(t.Context(), cs, &o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want it to contain %q", err, tt.want)
			}
			if got, want := errors.Is(err, iothub.ErrProxy), strings.HasPrefix(tt.name, "proxy"); got != want {
				t.Errorf("%v is the proxy's: %t, want %t", err, got, want)
			}
		})
	}
}

func TestHostNameNotInCertificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler()) // its certificate does not name localhost
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	cs := secure(t, server.Listener.Addr().String(), serviceKey+defaults.Key().Base64())
	_, err := iothub.DialService(t.Context(), cs, &iothub.Options{TLS: &tls.Config{RootCAs: pool}})
	var mismatch x509.HostnameError
	if !errors.As(err, &mismatch) {
		t.Errorf("error = %v, want a host name error", err)
	}
}
