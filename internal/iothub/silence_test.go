package iothub_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
)

// TestServerOfAnotherKind: a server that waits for more than AMQP's header, or ends
// the connection over it, is told as what it is long before the time is up.
func TestServerOfAnotherKind(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, test := range []struct {
		server *httptest.Server
		want   string
	}{
		{web, "the server does not speak AMQP but HTTP"},
		{secure, "the server does not speak AMQP but "}, // Go's answers to HTTP as well
	} {
		address := test.server.Listener.Addr().String()
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			_, err := iothub.DialService(t.Context(), serviceString(t, address), nil)
			if want := "connect to " + address + ": " + test.want; err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, iothub.ErrNotAMQP) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	address := serve(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	const long = 3 * time.Second // enough to ask twice
	_, err := iothub.DialService(t.Context(), serviceString(t, address), &iothub.Options{ConnectTimeout: long})
	want := "connect to " + address + ": the server accepts the connection and says nothing"
	if !errors.Is(err, iothub.ErrSilent) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
