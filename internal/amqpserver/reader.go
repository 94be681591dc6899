package amqpserver

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// read is the reader's goroutine. It ends with the stream, or at stop.
func (c *Conn) read(stop <-chan struct{}) {
	// Not a read deadline: the end of one breaks a WebSocket, and the client could
	// not be told.
	patience := c.options.IdleTimeout
	silence := time.AfterFunc(patience, func() { c.giveUp(silenceOf(patience)) })
	defer silence.Stop()
	for {
		silence.Reset(patience)
		a, err := c.readArrival()
		silence.Stop()
		if err != nil {
			c.giveUp(err)
			return
		}
		select {
		case c.in <- a:
		case <-stop:
			return
		}
	}
}

// silenceOf ends a connection on which nothing is heard (part 2 §2.4.5).
func silenceOf(t time.Duration) error {
	return Errorf(CondLimitExceeded, "Nothing was heard from the client for %d ms.", t.Milliseconds())
}

// giveUp ends the connection, from the reader's or the writer's side.
func (c *Conn) giveUp(err error) {
	c.fail.Do(func() {
		if errors.Is(err, io.EOF) {
			err = errors.New("the client hung up without closing")
		}
		c.failure = err
		close(c.broken)
	})
}

// linger waits a moment for the client to close its side, so that the last
// frames are not lost to a reset. It is the owner's.
func (c *Conn) linger() {
	timeout := time.NewTimer(time.Second)
	defer timeout.Stop()
	for {
		select {
		case <-c.in:
		case <-c.broken:
			return
		case <-timeout.C:
			return
		}
	}
}

// arrival is a frame that the reader passes on to the owner. A decoded frame may
// take many times as much memory as its bytes, so that of an untrusted client is
// decoded when its turn has come.
type arrival struct {
	decoded amqpwire.Frame
	bytes   []byte // nil: it is decoded
}

// frame returns the frame.
func (a arrival) frame() (amqpwire.Frame, error) {
	if a.bytes == nil {
		return a.decoded, nil
	}
	return amqpwire.DecodeFrame(a.bytes)
}

func (c *Conn) readArrival() (a arrival, err error) {
	b, err := c.readBytes()
	switch {
	case err != nil:
	case c.trusted.Load():
		a.decoded, err = amqpwire.DecodeFrame(b)
	default:
		a.bytes = b
	}
	return a, err
}

// readFrame reads a frame before there is a reader.
func (c *Conn) readFrame() (amqpwire.Frame, error) {
	b, err := c.readBytes()
	if err != nil {
		return amqpwire.Frame{}, err
	}
	return amqpwire.DecodeFrame(b)
}

// readBytes reads a frame of at most the size that the client is allowed when it
// begins.
func (c *Conn) readBytes() ([]byte, error) {
	if start, err := c.br.Peek(4); err == nil {
		limit, size := c.frameLimit(), binary.BigEndian.Uint32(start)
		if size > limit && size <= c.options.MaxFrameSize {
			return nil, Errorf(CondLimitExceeded, "A client that has not shown who it is may send frames of %d bytes.", limit)
		}
	}
	return amqpwire.ReadFrameBytes(c.br, c.options.MaxFrameSize)
}
