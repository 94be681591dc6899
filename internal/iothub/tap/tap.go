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
	whole     []byte // what is left of a frame that was read whole, or of those in its place
}

// MaxFrameSize is the largest frame that the hub may send, in bytes. Open must
// say so; it is what go-amqp says by default. A larger one ends the connection
// before there is memory for it.
const MaxFrameSize = 64 << 10

// New returns a tap on a stream. It writes every frame that passes to trace, as
// text and without secrets; nil means nowhere.
func New(stream net.Conn, trace io.Writer) *Tap {
	if trace != nil {
		stream = newTracedConn(stream, trace)
	}
	t := &Tap{Conn: stream, sessions: newSessions()}
	t.in = bufio.NewReaderSize(streamReader{t}, MaxFrameSize)
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
	for len(t.whole) == 0 && t.remaining == 0 { // some frames are left out
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
	if size > MaxFrameSize {
		return fmt.Errorf("the hub sent a frame of %d bytes, which may have %d at most", size, MaxFrameSize)
	}
	if start, err = t.in.Peek(min(max(size, 8), fieldsStart)); err != nil {
		return err
	}
	switch code := performativeOf(start); code {
	case codeDisposition:
		if t.sessions.settled(binary.BigEndian.Uint16(start[6:]), start) {
			break
		}
		return t.readWhole(size, code)
	case codeOpen, codeBegin, codeAttach, codeFlow, codeEnd:
		return t.readWhole(size, code)
	}
	// A size below the header's is go-amqp's to refuse.
	t.remaining = max(size, 8)
	return nil
}

// readWhole reads a frame of a few performatives whole, and replaces it where
// that is needed.
func (t *Tap) readWhole(size int, code byte) error {
	t.whole = make([]byte, size)
	if _, err := io.ReadFull(t.in, t.whole); err != nil {
		return err
	}
	f, err := amqpwire.DecodeFrame(t.whole)
	_, disposition := f.Body.(*amqpwire.Disposition)
	switch {
	case code == codeDisposition && !disposition:
		return errors.New("the hub sent a malformed disposition")
	case err != nil:
		return nil // go-amqp's to refuse
	}
	bodies, replaced := t.sessions.incoming(f)
	if !replaced {
		return nil
	}
	t.whole = nil
	for _, body := range bodies {
		if t.whole, err = amqpwire.AppendFrame(t.whole, amqpwire.Frame{Channel: f.Channel, Body: body}); err != nil {
			return fmt.Errorf("rewrite a frame: %w", err)
		}
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
