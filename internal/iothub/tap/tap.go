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
	"time"

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
	writer   *writer
	sessions sessions
	guard    guard

	in        *bufio.Reader
	patience  time.Duration // how long go-amqp waits for more; 0: for ever
	started   bool          // the hub has sent its protocol header
	sasl      bool          // it was that of SASL, and AMQP's is still to come
	remaining int           // bytes of the current frame still to be passed on
	whole     []byte        // what is left of the frames that stand in place of the hub's
	err       error         // for the next Read, after the frames before it
}

// MaxFrameSize is the largest frame that the hub may send, in bytes. Open must
// say so; it is what go-amqp says by default. A larger one ends the connection
// before there is memory for it.
const MaxFrameSize = 64 << 10

// New returns a tap on a stream, which is to be closed by it. It writes every frame
// that passes to trace, as text and without secrets; nil means nowhere.
func New(stream net.Conn, trace io.Writer) *Tap {
	if trace != nil {
		stream = newTracedConn(stream, trace)
	}
	t := &Tap{Conn: stream, sessions: newSessions(), guard: newGuard()}
	t.in = bufio.NewReaderSize(streamReader{t}, MaxFrameSize)
	t.out.frame = t.sessions.outgoing
	t.writer = newWriter(stream, t.note)
	return t
}

// Container returns the hub's container id, once it has opened the connection.
func (t *Tap) Container() string { return t.sessions.container() }

// SettlesFirst reports whether the hub has attached a link, from which we
// receive, in rcv-settle-mode first. It knows the last such links of each
// session.
func (t *Tap) SettlesFirst(link string) bool { return t.sessions.settlesFirst(link) }

// Read passes on what the hub sends, frame by frame, each after it is there whole
// and has been looked at: as many frames as are there and have room.
func (t *Tap) Read(p []byte) (n int, err error) {
	for {
		given, err := t.give(p[n:])
		n += given
		if err != nil || n == len(p) || n > 0 && !t.ready() {
			return n, err
		}
		if err = t.err; err == nil {
			err = t.next() // some frames are left out
		}
		switch {
		case err != nil && n > 0:
			t.err = err
			return n, nil
		case err != nil:
			return 0, err
		}
	}
}

// give passes on what is left of the last frame.
func (t *Tap) give(p []byte) (n int, err error) {
	if t.remaining == 0 {
		n = copy(p, t.whole)
		t.whole = t.whole[n:]
		return n, nil
	}
	n, err = t.in.Read(p[:min(len(p), t.remaining)])
	t.remaining -= n
	return n, err
}

// ready reports whether the next frame is there whole, so that next does not wait.
func (t *Tap) ready() bool {
	there := t.in.Buffered()
	if there < 8 {
		return false
	}
	start, _ := t.in.Peek(8) // it cannot fail
	return there >= int(binary.BigEndian.Uint32(start))
}

// next looks at what comes: the protocol header, or the start of a frame.
func (t *Tap) next() error {
	start, err := t.in.Peek(8)
	if err != nil {
		return err
	}
	if !t.started || t.sasl && isHeader(start) {
		return t.header(start)
	}
	size := int(binary.BigEndian.Uint32(start))
	switch {
	case size > MaxFrameSize:
		return fmt.Errorf("the hub sent a frame of %d bytes, which may have %d at most", size, MaxFrameSize)
	case size < frameStart:
		t.remaining = max(size, 8) // an empty frame, or go-amqp's to refuse
		return nil
	}
	frame, err := t.in.Peek(size)
	if err != nil {
		return err
	}
	return t.pass(frame)
}

// header passes a protocol header on: AMQP's, or SASL's and then AMQP's (part 5
// §5.3.2).
func (t *Tap) header(b []byte) error {
	const protocol, major, sasl = 4, 5, 3
	if !isHeader(b) || b[major] != 1 {
		return &notAMQPError{string(b)}
	}
	t.started, t.sasl = true, b[protocol] == sasl
	t.remaining = len(b)
	return nil
}

// pass passes a frame on, which is at the front of what there is to read, or what
// go-amqp gets in its place.
func (t *Tap) pass(frame []byte) error {
	if t.sasl && isSASL(frame) {
		t.remaining = len(frame)
		return nil
	}
	instead, err := t.guard.pass(frame)
	if err != nil {
		return err
	}
	switch performativeOf(instead) {
	case codeDisposition:
		if t.sessions.usual(channelOf(instead), instead) {
			break
		}
		instead, err = t.rewrite(instead)
	case codeOpen, codeBegin, codeAttach, codeFlow, codeEnd:
		instead, err = t.rewrite(instead)
	}
	switch {
	case err != nil:
		return err
	case len(instead) > 0 && &instead[0] == &frame[0]:
		t.remaining = len(frame)
		return nil
	}
	t.whole = instead
	_, err = t.in.Discard(len(frame))
	return err
}

// rewrite returns what to pass on in place of a frame of a few performatives.
func (t *Tap) rewrite(frame []byte) ([]byte, error) {
	f, err := amqpwire.DecodeFrame(frame)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	bodies, replaced := t.sessions.incoming(f)
	if !replaced {
		return frame, nil
	}
	var instead []byte
	for _, body := range bodies {
		if instead, err = amqpwire.AppendFrame(instead, amqpwire.Frame{Channel: f.Channel, Body: body}); err != nil {
			return nil, fmt.Errorf("rewrite a frame: %w", err)
		}
	}
	return instead, nil
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
