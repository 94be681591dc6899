package localhub_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

// TestConnectionsAreKept sends many requests over one connection, and lets it end
// when nothing comes.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := overPipes(t, localhub.Options{})
		c, err := l.connect(t.Context())
		check(t, err)
		defer c.Close()
		reader := bufio.NewReader(c)
		request := "GET " + inbox + "?api-version=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + signed(defaults.Key(), "localhost/devices/dev1", "", time.Hour) + "\r\n\r\n"
		for range 50 {
			_, err = io.WriteString(c, request)
			check(t, err)
			response, err := http.ReadResponse(reader, nil)
			check(t, err)
			if response.StatusCode != http.StatusNoContent || response.Close {
				t.Fatalf("answered with %d, close %v", response.StatusCode, response.Close)
			}
			time.Sleep(time.Minute) // a client that waits in between
		}
		start := time.Now()
		if _, err := reader.ReadByte(); err != io.EOF {
			t.Errorf("error %v, want the end", err)
		}
		if got := time.Since(start); got != time.Minute {
			t.Errorf("an idle connection ended after another %v, want 1m0s", got)
		}
	})
}

// TestSlowRequests end after half a minute, wherever they stop.
func TestSlowRequests(t *testing.T) {
	t.Parallel()
	owner := "Authorization: " + signed(defaults.Key(), "localhost", "iothubowner", 24*365*time.Hour) + "\r\n"
	for name, start := range map[string]string{
		"in the header": "PUT /devices/new?api-version=1 HTTP/1.1\r\nHost: localhost\r\n" + owner,
		"in the body":   "PUT /devices/new?api-version=1 HTTP/1.1\r\nHost: localhost\r\n" + owner + "Content-Length: 100\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := overPipes(t, localhub.Options{})
				c, err := l.connect(t.Context())
				check(t, err)
				defer c.Close()
				begin := time.Now()
				_, err = io.WriteString(c, start)
				check(t, err)
				_, _ = io.Copy(io.Discard, c)
				if got := time.Since(begin); got < 30*time.Second || got > 31*time.Second {
					t.Errorf("the connection ended after %v, want 30s", got)
				}
			})
		})
	}
}
