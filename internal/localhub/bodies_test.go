package localhub

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestBodiesAreBounded checks that unfinished requests count as what their bodies may
// become, and no longer than they are there.
func TestBodiesAreBounded(t *testing.T) {
	inWorld(t, Options{Memory: 8 << 20}, func(t *testing.T, w *world) { // connections have a quarter
		begin := func(header string) net.Conn {
			near, far := net.Pipe()
			w.served.Go(func() { w.hub.ServeConn(far) })
			_, err := io.WriteString(near, "POST /devices/dev1/messages/events?api-version=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: "+
				token("", testHost+"/devices/dev1", time.Hour)+"\r\n"+header+"\r\n\r\n")
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return near
		}
		answer := func(c net.Conn) int {
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			return response.StatusCode
		}
		const length = 200_000
		first, second := begin(fmt.Sprint("Content-Length: ", length)), begin("Transfer-Encoding: chunked")
		third := begin(fmt.Sprint("Content-Length: ", length))
		for _, test := range []struct {
			c    net.Conn
			want int
		}{{third, http.StatusServiceUnavailable}, {first, http.StatusNoContent}} {
			if _, err := test.c.Write(make([]byte, length)); err != nil {
				t.Fatal(err)
			}
			if got := answer(test.c); got != test.want {
				t.Errorf("answered with %d, want %d", got, test.want)
			}
		}
		_ = second.Close()
		synctest.Wait()
		if got := w.hub.connections.left.Load(); got != 2<<20 {
			t.Errorf("%d bytes are left at the end, want all", got)
		}
		for _, c := range []net.Conn{first, third} {
			_ = c.Close()
		}
	})
}
