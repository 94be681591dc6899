package localhub_test

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// bufferedConn is an end of a pipe that has room for some writes, as sockets
// have: on a bare [net.Pipe], two ends that say goodbye at once wait for each
// other.
type bufferedConn struct {
	net.Conn
	out    chan []byte
	once   sync.Once
	closed chan struct{}
}

// newPipe returns a pipe whose goroutines end soon after both ends are closed.
func newPipe(pumps *sync.WaitGroup) (client, server net.Conn) {
	a, b := net.Pipe()
	return newBufferedConn(a, pumps), newBufferedConn(b, pumps)
}

func newBufferedConn(c net.Conn, pumps *sync.WaitGroup) *bufferedConn {
	b := &bufferedConn{Conn: c, out: make(chan []byte, 1024), closed: make(chan struct{})}
	pumps.Go(b.pump)
	return b
}

// pump writes what is in the buffer until Close, and for a second more if need
// be.
func (b *bufferedConn) pump() {
	defer b.Conn.Close()
	for {
		select {
		case p := <-b.out:
			if _, err := b.Conn.Write(p); err != nil {
				return
			}
			continue
		default:
		}
		select {
		case p := <-b.out:
			if _, err := b.Conn.Write(p); err != nil {
				return
			}
		case <-b.closed:
			return
		}
	}
}

func (b *bufferedConn) Write(p []byte) (int, error) {
	select {
	case <-b.closed:
		return 0, net.ErrClosed
	default:
	}
	select {
	case b.out <- bytes.Clone(p):
		return len(p), nil
	case <-b.closed:
		return 0, net.ErrClosed
	}
}

// Close lets the buffer drain.
func (b *bufferedConn) Close() error {
	b.once.Do(func() {
		close(b.closed)
		_ = b.Conn.SetReadDeadline(time.Now())
		_ = b.Conn.SetWriteDeadline(time.Now().Add(time.Second))
	})
	return nil
}

// SetDeadline is for reads: writes do not block.
func (b *bufferedConn) SetDeadline(t time.Time) error { return b.SetReadDeadline(t) }

// SetReadDeadline keeps the end of a closed connection in place.
func (b *bufferedConn) SetReadDeadline(t time.Time) error {
	select {
	case <-b.closed:
		return net.ErrClosed
	default:
		return b.Conn.SetReadDeadline(t)
	}
}

// SetWriteDeadline does nothing: writes do not block.
func (b *bufferedConn) SetWriteDeadline(time.Time) error { return nil }
