package iothub

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"iothub-c2d/internal/amqpwire"
)

// tap sits between the socket and go-amqp and mends what newer hubs leave out.
//
// Their gateway ("v2") sends flow frames without next-incoming-id. AMQP 1.0
// part 2 §2.7.4 demands it once a session has begun, and go-amqp ends the
// session over it (Azure/go-amqp#326), so that a program cannot send at all.
// The tap fills the field in with the id that follows the transfers we have
// sent: then the window that the hub grants is the window that go-amqp uses.
//
// go-amqp reads in one goroutine and writes in others; mu guards what the two
// directions share.
type tap struct {
	net.Conn
	in  *bufio.Reader
	out outScanner

	// Owned by the reading goroutine.
	started bool   // something has come
	passing int    // bytes of the current frame still to pass on
	mended  []byte // a frame that was rewritten, or what is left of it

	mu       sync.Mutex
	peer     string            // the hub's container id
	sent     map[uint16]uint32 // our next-outgoing-id, by our channel
	channels map[uint16]uint16 // our channel, by the hub's
}

func newTap(c net.Conn) *tap {
	t := &tap{
		Conn:     c,
		in:       bufio.NewReaderSize(c, 64<<10),
		sent:     make(map[uint16]uint32),
		channels: make(map[uint16]uint16),
	}
	t.out.frame = t.outgoing
	return t
}

// Performative codes that the tap looks for (AMQP 1.0 part 2 §2.7).
const (
	codeOpen     = 0x10
	codeBegin    = 0x11
	codeFlow     = 0x13
	codeTransfer = 0x14
)

// frameStart is enough of a frame to tell its performative: the header and a
// descriptor in its short form, which is the only one in use.
const frameStart = 11

// performativeOf returns the code of the frame that starts with b, 0 if b is
// no AMQP performative.
func performativeOf(b []byte) byte {
	const dataOffset, amqpFrame = 2, 0
	if len(b) < frameStart || b[4] != dataOffset || b[5] != amqpFrame || b[8] != 0x00 || b[9] != 0x53 {
		return 0
	}
	return b[10]
}

// Read passes on what the hub sends, frame by frame, but whole only where a
// frame is rewritten.
func (t *tap) Read(p []byte) (int, error) {
	if len(t.mended) == 0 && t.passing == 0 {
		if err := t.next(); err != nil {
			return 0, err
		}
	}
	if len(t.mended) > 0 {
		n := copy(p, t.mended)
		t.mended = t.mended[n:]
		return n, nil
	}
	n, err := t.in.Read(p[:min(len(p), t.passing)])
	t.passing -= n
	return n, err
}

// next looks at what comes: the protocol header, or the start of a frame.
func (t *tap) next() error {
	start, err := t.in.Peek(8)
	if err != nil {
		return err
	}
	if isHeader(start) && start[5] == 1 {
		t.started = true
		t.passing = len(start)
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
	case codeOpen, codeBegin, codeFlow:
		return t.mend(size)
	}
	// A size below the header's is go-amqp's to refuse.
	t.passing = max(size, 8)
	return nil
}

// isHeader reports whether b begins a protocol header. No frame begins like
// that: it would be larger than any peer allows.
func isHeader(b []byte) bool { return string(b[:4]) == "AMQP" }

// notAMQPError says that the server is something else.
type notAMQPError struct{ began string }

// ErrNotAMQP says that the server is no AMQP 1.0 server.
var ErrNotAMQP = errors.New("the server does not speak AMQP")

func (*notAMQPError) Unwrap() error { return ErrNotAMQP }

func (n *notAMQPError) Error() string {
	if strings.HasPrefix(n.began, "AMQP") {
		return "the server does not speak AMQP 1.0 but another version"
	}
	return fmt.Sprintf("the server does not speak AMQP: it began with %q", n.began)
}

// maxMended bounds the frames that are held back to be looked at, in bytes.
// They have a few dozen.
const maxMended = 64 << 10

// mend reads an open, begin or flow frame whole, learns from the first two and
// completes the last.
func (t *tap) mend(size int) error {
	if size > maxMended {
		t.passing = size
		return nil
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(t.in, b); err != nil {
		return err
	}
	t.mended = b
	f, err := amqpwire.DecodeFrame(b)
	if err != nil {
		return nil // go-amqp's to refuse
	}
	switch body := f.Body.(type) {
	case *amqpwire.Open:
		t.opened(body)
	case *amqpwire.Begin:
		t.begun(f.Channel, body)
	case *amqpwire.Flow:
		if body.NextIncomingID == nil {
			return t.complete(f, body)
		}
	}
	return nil
}

// opened notes who the hub says it is.
func (t *tap) opened(o *amqpwire.Open) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.peer = o.ContainerID
}

// container returns the hub's container id, once it has opened the connection.
func (t *tap) container() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peer
}

// begun notes which of our channels the hub's channel answers.
func (t *tap) begun(channel uint16, b *amqpwire.Begin) {
	if b.RemoteChannel == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.channels[channel] = *b.RemoteChannel
}

// complete sets the field that the hub left out.
func (t *tap) complete(f amqpwire.Frame, flow *amqpwire.Flow) error {
	t.mu.Lock()
	flow.NextIncomingID = new(t.sent[t.channels[f.Channel]])
	t.mu.Unlock()
	mended, err := amqpwire.AppendFrame(nil, f)
	if err != nil {
		return fmt.Errorf("mend flow frame: %w", err)
	}
	t.mended = mended
	return nil
}

// Write passes p on and counts the transfers in it.
func (t *tap) Write(p []byte) (int, error) {
	t.out.scan(p)
	return t.Conn.Write(p)
}

// outgoing is told of every frame that we send: its performative, and all of
// it where that is begin.
func (t *tap) outgoing(performative byte, channel uint16, whole []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch performative {
	case codeTransfer:
		t.sent[channel]++
	case codeBegin:
		f, err := amqpwire.DecodeFrame(whole)
		if begin, ok := f.Body.(*amqpwire.Begin); err == nil && ok {
			t.sent[channel] = begin.NextOutgoingID
		}
	}
}
