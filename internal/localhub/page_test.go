package localhub_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub"
)

// TestPageIsForThisMachine checks that whoever does not come over loopback gets no
// page and no data, and that somebody who does may use TLS.
func TestPageIsForThisMachine(t *testing.T) {
	t.Parallel()
	near, far := overLoopback(t, localhub.Options{}), overPipes(t, localhub.Options{}) // a pipe has no address
	for _, path := range []string{"/", "/page/devices", "/page/events"} {
		for _, test := range []struct {
			name   string
			line   line
			route  route
			status int
		}{
			{"loopback", near, route{}, http.StatusOK},
			{"loopback with TLS", near, route{tls: &tls.Config{}}, http.StatusOK},
			{"elsewhere", far, route{}, http.StatusForbidden},
		} {
			c, err := test.line.dialer(test.route)(t.Context())
			check(t, err)
			_, err = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			check(t, err)
			b := make([]byte, len("HTTP/1.1 200"))
			_, err = io.ReadFull(c, b)
			check(t, err)
			if want := fmt.Sprint("HTTP/1.1 ", test.status); string(b) != want {
				t.Errorf("%s of %s: %s, want %s", path, test.name, b, want)
			}
			check(t, c.Close())
		}
	}
}

// TestCloseEndsTheStream checks that a hub does not wait for those who look at it, and
// that they learn of its end.
func TestCloseEndsTheStream(t *testing.T) {
	t.Parallel()
	hub := newHub(t, localhub.Options{})
	c, err := serve(t, hub).connect(t.Context())
	check(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET /page/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	check(t, err)
	begun := make([]byte, 1)
	_, err = c.Read(begun)
	check(t, err)
	hub.Close()
	if rest, _ := io.ReadAll(c); !strings.Contains(string(rest), ": events follow") {
		t.Errorf("the stream was %q", rest)
	}
}
