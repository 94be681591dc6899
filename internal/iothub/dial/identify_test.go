package dial

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"iothub-c2d/internal/sas"
)

// serve accepts connections until the test ends, and handles each.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				handle(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait()
	})
	return l.Addr().String()
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("iothub-errorcode", "IotHubUnauthorizedAccess")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(hub.Close)
	secure := serve(t, func(c net.Conn) { _ = tls.Server(c, &tls.Config{}).Handshake() }) // it has no certificate
	silent := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for _, test := range []struct {
		name    string
		address string
		route   Route
		ended   bool
		want    Listener
	}{
		{"HTTP", web.Listener.Addr().String(), Route{}, false, HTTPServer},
		{"HTTP where TLS is expected", web.Listener.Addr().String(), Route{}, false, HTTPServer},
		{"HTTP where it is expected", web.Listener.Addr().String(), Route{Protocol: AMQPWS}, false, Silence},
		{"a slow hub", hub.Listener.Addr().String(), Route{}, false, Hub},
		{"a hub that came back", hub.Listener.Addr().String(), Route{}, true, Hub},
		{"TLS", secure, Route{}, true, TLSServer},
		{"TLS that did not end the connection", secure, Route{}, false, Silence},
		{"silence", silent, Route{}, false, Silence},
		{"silence at the end", silent, Route{}, true, Silence},
		{"silence over WebSocket", silent, Route{Protocol: AMQPWS}, true, Silence},
		{"nobody", "127.0.0.1:1", Route{}, true, Nobody},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.route.Hub = sas.ConnectionString{HostName: test.address, UseDevelopmentEmulator: test.name != "HTTP where TLS is expected"}
			if got := test.route.Identify(t.Context(), test.ended); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestIdentifyLeavesOthersAlone: where a proxy leads to the hub, its own address may
// be somebody else's.
func TestIdentifyLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	hub := sas.ConnectionString{HostName: serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), UseDevelopmentEmulator: true}
	for _, r := range []Route{
		{Hub: hub, Proxy: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}},
		{Hub: hub, Open: func(context.Context) (net.Conn, error) { return nil, io.EOF }},
	} {
		if got := r.Identify(t.Context(), true); got != Nobody {
			t.Errorf("got %v", got)
		}
	}
}
