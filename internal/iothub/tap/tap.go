package tap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"

	"iothub-c2d/internal/amqpwire"
)

// Tap is a stream to a hub that go-amqp can be put upon.
//
// go-amqp reads in one goroutine and writes in others. The fields without a
// lock of their own belong to the reading goroutine, but for out, which belongs
// to whoever writes.
type Tap struct {
	net.Conn
	broken   atomic.Bool
	closed   atomic.Bool // by go-amqp
	out      outScanner
	sessions sessions

	in        *bufio.Reader
	started   bool   // the hub has sent its protocol header
	remaining int    // bytes of the current frame still to be passed on
	whole     []byte // a frame that was read whole, or what is left of it
}

// New returns a tap on a stream. It writes every frame that passes to trace, as
// text and without secrets; nil means nowhere.
func New(stream net.Conn, trace io.Writer) *Tap {
	if trace != nil {
		stream = newTracedConn(stream, trace)
	}
	t := &Tap{Conn: stream, sessions: newSessions()}
	t.in = bufio.NewReaderSize(streamReader{t}, maxWhole)
	t.out.frame = t.sessions.outgoing
	return t
}

// Container returns the hub's container id, once it has opened the connection.
func (t *Tap) Container() string { return t.sessions.container() }

// SettlesFirst reports whether the hub has attached a link, from which we
// receive, in rcv-settle-mode first. It knows the last such link of each
// session.
func (t *Tap) SettlesFirst(link string) bool { return t.sessions.settlesFirst(link) }

// Broken reports whether reading from or writing to the stream failed before
// go-amqp closed it. If it did not, go-amqp had a reason of its own.
func (t *Tap) Broken() bool { return t.broken.Load() }

// Close closes the stream.
func (t *Tap) Close() error {
	t.closed.Store(true)
	return t.Conn.Close()
}

// note takes note of the failure of the stream.
func (t *Tap) note(err error) {
	if err != nil && !t.closed.Load() {
		t.broken.Store(true)
	}
}

// streamReader reads from the stream.
type streamReader struct{ tap *Tap }

func (r streamReader) Read(p []byte) (int, error) {
	n, err := r.tap.Conn.Read(p)
	r.tap.note(err)
	return n, err
}

// Write passes p on and looks at the frames in it.
func (t *Tap) Write(p []byte) (int, error) {
	t.out.scan(p)
	n, err := t.Conn.Write(p)
	t.note(err)
	return n, err
}

// Read passes on what the hub sends, frame by frame. Only the frames that may
// have to be rewritten are read whole first.
func (t *Tap) Read(p []byte) (int, error) {
	if len(t.whole) == 0 && t.remaining == 0 {
		if err := t.next(); err != nil {
			return 0, err
		}
	}
	if len(t.whole) > 0 {
		n := copy(p, t.whole)
		t.whole = t.whole[n:]
		return n, nil
	}
	n, err := t.in.Read(p[:min(len(p), t.remaining)])
	t.remaining -= n
	return n, err
}

// next looks at what comes: the protocol header, or the start of a frame.
func (t *Tap) next() error {
	start, err := t.in.Peek(8)
	if err != nil {
		return err
	}
	if isHeader(start) && start[5] == 1 {
		t.started = true
		t.remaining = len(start)
		return nil
	}
	if !t.started {
		return &notAMQPError{string(start)}
	}
	size := int(binary.BigEndian.Uint32(start))
	if start, err = t.in.Peek(min(max(size, 8), frameStart)); err != nil {
		return err
	}
	switch performativeOf(start) {
	case codeOpen, codeBegin, codeAttach, codeFlow, codeEnd:
		return t.readWhole(size)
	}
	// A size below the header's is go-amqp's to refuse.
	t.remaining = max(size, 8)
	return nil
}

// maxWhole bounds the frames that are read whole, in bytes. They have a few
// dozen.
const maxWhole = 64 << 10

// readWhole reads a frame of a few performatives whole, and rewrites it where
// that is needed.
func (t *Tap) readWhole(size int) error {
	if size > maxWhole {
		t.remaining = size
		return nil
	}
	t.whole = make([]byte, size)
	if _, err := io.ReadFull(t.in, t.whole); err != nil {
		return err
	}
	f, err := amqpwire.DecodeFrame(t.whole)
	if err != nil {
		return nil // go-amqp's to refuse
	}
	if !t.sessions.incoming(f) {
		return nil
	}
	if t.whole, err = amqpwire.AppendFrame(nil, f); err != nil {
		return fmt.Errorf("rewrite a frame: %w", err)
	}
	return nil
}

// ErrNotAMQP says that the server is no AMQP 1.0 server.
var ErrNotAMQP = errors.New("the server does not speak AMQP")

// notAMQPError is an [ErrNotAMQP] that says what the server is instead.
type notAMQPError struct{ began string }

func (*notAMQPError) Unwrap() error { return ErrNotAMQP }

func (n *notAMQPError) Error() string {
	if strings.HasPrefix(n.began, "AMQP") {
		return "the server does not speak AMQP 1.0 but another version"
	}
	return fmt.Sprintf("the server does not speak AMQP: it began with %q", n.began)
}
