package page

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/broker"
)

// pipe is a listener with one connection.
type pipe struct {
	conn chan net.Conn
	once sync.Once
}

func (p *pipe) Accept() (net.Conn, error) {
	if c, ok := <-p.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.conn) })
	return nil
}

func (*pipe) Addr() net.Addr { return &net.TCPAddr{} }

// inStream runs a test in fake time on a stream of events that has begun, by a server
// that has no patience.
func inStream(t *testing.T, f func(t *testing.T, p *Page, stream *bufio.Scanner)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(newBroker(t, broker.Options{}), "myhub")
		near, far := net.Pipe()
		l := &pipe{conn: make(chan net.Conn, 1)}
		l.conn <- far
		server := &http.Server{Handler: p, ReadTimeout: writeTimeout, WriteTimeout: writeTimeout}
		var served sync.WaitGroup
		served.Go(func() { _ = server.Serve(l) })
		fmt.Fprint(near, "GET /page/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		stream := bufio.NewScanner(near)
		for stream.Scan() && stream.Text() != ": events follow" {
		}
		f(t, p, stream)
		_ = near.Close()
		_ = server.Close()
		served.Wait()
	})
}

// TestSilentStreamStays has nothing happen for ten minutes: the browser hears so from
// time to time, and the next event comes.
func TestSilentStreamStays(t *testing.T) {
	inStream(t, func(t *testing.T, p *Page, stream *bufio.Scanner) {
		began := time.Now()
		for beats := 0; beats < 40 && stream.Scan(); {
			if stream.Text() == ":" {
				beats++
			}
		}
		if took := time.Since(began); took != 40*heartbeat {
			t.Errorf("40 signs of life in %v, want %v", took, 40*heartbeat)
		}
		p.broker.Tell(broker.Event{Kind: broker.EventFault})
		for stream.Scan() && !isData(stream.Text()) {
		}
		if !isData(stream.Text()) {
			t.Errorf("the stream has ended: %v", stream.Err())
		}
	})
}

func isData(line string) bool { return len(line) > 6 && line[:6] == "data: " }

// TestStalledReaderIsCutOff has a browser read nothing for a while: it loses its
// stream, which makes room for another.
func TestStalledReaderIsCutOff(t *testing.T) {
	inStream(t, func(t *testing.T, p *Page, stream *bufio.Scanner) {
		p.broker.Tell(broker.Event{Kind: broker.EventFault})
		time.Sleep(writeTimeout - time.Second)
		synctest.Wait()
		if len(p.streams) != 1 {
			t.Fatal("the stream has ended too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(p.streams) != 0 {
			t.Error("the stream goes on")
		}
	})
}
