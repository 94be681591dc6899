package tap

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// tracedConn writes every frame that passes as text. Reading and writing each
// have their own goroutine in go-amqp, and their own assembler here.
type tracedConn struct {
	net.Conn
	in, out assembler
}

func newTracedConn(stream net.Conn, w io.Writer) *tracedConn {
	t := &tracer{w: w}
	return &tracedConn{
		Conn: stream,
		in:   assembler{emit: func(b []byte) { t.frame("<-", b) }},
		out:  assembler{emit: func(b []byte) { t.frame("->", b) }},
	}
}

func (t *tracedConn) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.in.add(p[:n])
	return n, err
}

func (t *tracedConn) Write(p []byte) (int, error) {
	t.out.add(p) // first, or the answer could be traced before the question
	return t.Conn.Write(p)
}

// assembler puts the pieces of a stream together to frames. A protocol header
// is emitted as well.
type assembler struct {
	emit    func([]byte)
	buf     []byte
	stopped bool // the stream is no AMQP: no frame can be found in it
}

// maxTraced bounds the frames that are put together, in bytes.
const maxTraced = 1 << 20

func (a *assembler) add(p []byte) {
	if a.stopped {
		return
	}
	a.buf = append(a.buf, p...)
	for len(a.buf) >= 8 {
		size := 8
		if !isHeader(a.buf) {
			size = int(binary.BigEndian.Uint32(a.buf))
		}
		if size < 8 || size > maxTraced {
			a.stopped, a.buf = true, nil
			return
		}
		if len(a.buf) < size {
			return
		}
		a.emit(a.buf[:size])
		a.buf = a.buf[size:]
	}
}

// tracer writes one line for each frame.
type tracer struct {
	mu sync.Mutex
	w  io.Writer
}

func (t *tracer) frame(direction string, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// A trace that cannot be written must not end the connection.
	_, _ = fmt.Fprintf(t.w, "%s %s %s\n", time.Now().Format("15:04:05.000"), direction, describeFrame(b))
}

// describeFrame returns a frame as text. Only what has been understood is
// shown, never raw bytes: they may be part of a token.
func describeFrame(b []byte) string {
	if isHeader(b) {
		return fmt.Sprintf("header %q", b)
	}
	f, err := amqpwire.DecodeFrame(b)
	if err != nil {
		return fmt.Sprintf("%d bytes that are no frame: %v", len(b), err)
	}
	if f.Body == nil {
		return "empty"
	}
	text := f.String()
	if t, ok := f.Body.(*amqpwire.Transfer); ok {
		text += " " + describePayload(t, f.Payload)
	}
	return text
}

func describePayload(t *amqpwire.Transfer, payload []byte) string {
	m, err := amqpwire.DecodeMessage(payload)
	if t.More || err != nil {
		return fmt.Sprintf("+ %d bytes", len(payload))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "+ %d bytes:", len(payload))
	if m.Annotations != nil {
		fmt.Fprintf(&b, " message-annotations%s", amqpwire.Text(m.Annotations))
	}
	if m.Properties != nil {
		fmt.Fprintf(&b, " %s", amqpwire.TextOf(m.Properties))
	}
	if m.ApplicationProperties != nil {
		fmt.Fprintf(&b, " application-properties%s", amqpwire.Text(m.ApplicationProperties))
	}
	for _, d := range m.Data {
		fmt.Fprintf(&b, " data(%d bytes)", len(d))
	}
	if m.Value != nil {
		b.WriteString(" value(not shown)") // of all values on IoT Hub's links, the usual one is a token
	}
	return b.String()
}
