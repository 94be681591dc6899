package dial

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"iothub-c2d/internal/sas"
)

// silentServer accepts connections until the test ends.
func silentServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// echoServer says what it hears, as an AMQP server does with the first eight bytes.
func echoServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	silent := silentServer(t)
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("iothub-errorcode", "IotHubUnauthorizedAccess")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(hub.Close)
	for _, test := range []struct {
		name     string
		address  string
		encrypt  bool
		protocol Protocol
		want     Listener
	}{
		{"HTTP", web.Listener.Addr().String(), false, AMQP, Listener{true, "HTTP"}},
		{"HTTP where TLS is expected", web.Listener.Addr().String(), true, AMQP, Listener{true, "HTTP"}},
		{"HTTP where it is expected", web.Listener.Addr().String(), false, AMQPWS, Listener{true, ""}},
		{"TLS where it is expected", secure.Listener.Addr().String(), true, AMQP, Listener{}},
		{"AMQP where it is expected", echoServer(t), false, AMQP, Listener{}},
		{"a hub that is slow but for HTTP", hub.Listener.Addr().String(), false, AMQP, Listener{}},
		{"silence", silent, false, AMQP, Listener{true, ""}},
		{"silence over WebSocket", silent, false, AMQPWS, Listener{true, ""}},
		{"nobody", "127.0.0.1:1", false, AMQP, Listener{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := Route{Hub: sas.ConnectionString{HostName: test.address, UseDevelopmentEmulator: !test.encrypt}, Protocol: test.protocol}
			if got := r.Identify(t.Context()); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	t.Run("a server for TLS only", func(t *testing.T) {
		t.Parallel()
		stream, err := net.Dial("tcp", secure.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		if got := askTLS(t.Context(), stream); got != "TLS" {
			t.Errorf("got %q", got)
		}
	})
}

// TestIdentifyLeavesOthersAlone: where a proxy leads to the hub, its own address may
// be somebody else's.
func TestIdentifyLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	hub := sas.ConnectionString{HostName: silentServer(t), UseDevelopmentEmulator: true}
	for _, r := range []Route{
		{Hub: hub, Proxy: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}},
		{Hub: hub, Open: func(context.Context) (net.Conn, error) { return nil, io.EOF }},
	} {
		if got := r.Identify(t.Context()); got != (Listener{}) {
			t.Errorf("got %+v", got)
		}
	}
}
