package amqpserver

import (
	"errors"
	"os"
	"sync"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// writeTimeout is how long a client may leave the server's bytes unread.
const writeTimeout = time.Minute

// coalesce is how many bytes of frames are collected before they are written.
const coalesce = 32 << 10

// buffers are for frames that are about to be written. No connection has one of
// its own, so that a burst leaves nothing behind.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// write is the writer's goroutine: it sends what the owner queues, many frames
// at once if they are there, and a heartbeat when there is nothing to send. It
// ends with a close, when the owner closes out, or when a write fails.
func (c *Conn) write() {
	heartbeat := time.NewTicker(c.heartbeat)
	defer heartbeat.Stop()
	for {
		var f amqpwire.Frame // empty: a heartbeat
		var ok bool
		select {
		case f, ok = <-c.out:
			if !ok {
				return
			}
		case <-heartbeat.C:
		}
		last, err := c.writeFrom(f)
		if err != nil {
			c.writeNoMore(err)
			return
		}
		if last {
			return
		}
		select {
		case c.taken <- struct{}{}:
		default:
		}
	}
}

// writeFrom writes f and what else is queued already. It reports whether that was
// the last of all.
func (c *Conn) writeFrom(f amqpwire.Frame) (last bool, err error) {
	buf := buffers.Get().(*[]byte) //nolint:forcetypeassert // there is nothing else in it
	defer buffers.Put(buf)
	*buf, last, err = c.gather((*buf)[:0], f)
	if err == nil && !c.silent.Load() {
		err = c.flush(*buf)
	}
	return last, err
}

// lastWords is how long the reader may still hear what a client has said that
// takes no more bytes.
const lastWords = time.Second

// writeNoMore takes what the owner queues, for nobody, until the connection ends.
// A client that hangs up may have settled messages just before: that counts, so
// the end is the reader's to find. One that does not read has no such merit.
func (c *Conn) writeNoMore(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.giveUp(err)
	}
	end := time.AfterFunc(lastWords, func() { c.giveUp(err) })
	defer end.Stop()
	for range c.out {
	}
}

// gather encodes f and what else is queued already.
func (c *Conn) gather(buf []byte, f amqpwire.Frame) (_ []byte, last bool, err error) {
	for {
		if buf, err = amqpwire.AppendFrame(buf, f); err != nil {
			return buf, false, err
		}
		if _, closed := f.Body.(*amqpwire.Close); closed {
			return buf, true, nil // not even a heartbeat may follow (part 2 §2.4.3)
		}
		if len(buf) >= coalesce {
			return buf, false, nil
		}
		var ok bool
		select {
		case f, ok = <-c.out:
			if !ok {
				return buf, true, nil
			}
		default:
			return buf, false, nil
		}
	}
}

func (c *Conn) flush(b []byte) error {
	if err := c.net.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := c.net.Write(b)
	return err
}
