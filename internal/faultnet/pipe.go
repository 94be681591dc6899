package faultnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Pipe returns the two ends of a connection in memory. Unlike those of
// [net.Pipe] they have room for size bytes on the way, as sockets have: two
// ends that write at once do not wait for each other.
func Pipe(size int) (a, b net.Conn) {
	there, back := newStream(size), newStream(size)
	return &end{in: back, out: there}, &end{in: there, out: back}
}

// stream is one direction of a pipe.
type stream struct {
	size int

	mu       sync.Mutex // guards the rest
	data     []byte
	finished bool          // the writer has closed its end
	broken   bool          // the reader has
	deadline [2]time.Time  // of reading and writing
	changed  chan struct{} // closed at the next change; nil while nobody waits
}

func newStream(size int) *stream { return &stream{size: size} }

// change does something to the stream and wakes those who wait for it.
func (s *stream) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	s.wake()
}

// wake is called with mu held.
func (s *stream) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// attempt calls try, with mu held, until it moves some bytes or fails, or the
// deadline of the direction has come.
func (s *stream) attempt(d Direction, try func() (int, error)) (int, error) {
	for {
		s.mu.Lock()
		deadline := s.deadline[d]
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			s.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		}
		n, err := try()
		if n > 0 || err != nil {
			s.wake()
			s.mu.Unlock()
			return n, err
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		await(changed, deadline)
	}
}

// await returns when something has changed, or at the deadline if there is one.
func await(changed <-chan struct{}, deadline time.Time) {
	if deadline.IsZero() {
		<-changed
		return
	}
	over := time.NewTimer(time.Until(deadline))
	defer over.Stop()
	select {
	case <-changed:
	case <-over.C:
	}
}

func (s *stream) read(p []byte) (int, error) {
	return s.attempt(Reading, func() (int, error) {
		switch {
		case s.broken:
			return 0, net.ErrClosed
		case len(s.data) > 0:
			n := copy(p, s.data)
			s.data = s.data[n:]
			return n, nil
		case s.finished:
			return 0, io.EOF
		}
		return 0, nil
	})
}

func (s *stream) write(p []byte) (int, error) {
	return s.attempt(Writing, func() (int, error) {
		switch {
		case s.finished:
			return 0, net.ErrClosed
		case s.broken:
			return 0, &net.OpError{Op: "write", Net: "pipe", Err: syscall.EPIPE}
		}
		n := min(len(p), s.size-len(s.data))
		s.data = append(s.data, p[:n]...)
		return n, nil
	})
}

// end is one end of a pipe.
type end struct{ in, out *stream }

func (e *end) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return e.in.read(p)
}

func (e *end) Write(p []byte) (written int, err error) {
	for written < len(p) && err == nil {
		var n int
		n, err = e.out.write(p[written:])
		written += n
	}
	return written, err
}

// Close lets the peer read what is on its way.
func (e *end) Close() error {
	e.out.change(func() { e.out.finished = true })
	e.in.change(func() { e.in.broken, e.in.data = true, nil })
	return nil
}

func (e *end) SetDeadline(t time.Time) error {
	_ = e.SetReadDeadline(t)
	return e.SetWriteDeadline(t)
}

func (e *end) SetReadDeadline(t time.Time) error {
	e.in.change(func() { e.in.deadline[Reading] = t })
	return nil
}

func (e *end) SetWriteDeadline(t time.Time) error {
	e.out.change(func() { e.out.deadline[Writing] = t })
	return nil
}

func (*end) LocalAddr() net.Addr  { return addr{} }
func (*end) RemoteAddr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "pipe" }
func (addr) String() string  { return "pipe" }
