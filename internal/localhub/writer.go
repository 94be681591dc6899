package localhub

import (
	"time"

	"iothub-c2d/internal/amqpwire"
)

// writeTimeout is how long a client may leave the hub's bytes unread.
const writeTimeout = time.Minute

// coalesce is how many bytes of frames are collected before they are written.
const coalesce = 32 << 10

// write is the writer's goroutine: it sends what the owner queues, many frames
// at once if they are there, and a heartbeat when there is nothing to send. It
// ends with a close, when the owner closes out, or when a write fails.
func (c *conn) write() {
	heartbeat := time.NewTicker(c.heartbeat())
	defer heartbeat.Stop()
	var buf []byte
	var closed bool
	var err error
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
		buf, closed, err = c.gather(buf[:0], f)
		if err == nil && c.silent.Load() {
			if closed {
				return
			}
			continue
		}
		if err == nil {
			err = c.net.SetWriteDeadline(time.Now().Add(writeTimeout))
		}
		if err == nil {
			_, err = c.net.Write(buf)
		}
		if err != nil {
			c.giveUp(err)
			return
		}
		if closed {
			return
		}
	}
}

// gather encodes f and what else is queued already.
func (c *conn) gather(buf []byte, f amqpwire.Frame) (_ []byte, closed bool, err error) {
	for {
		if buf, err = amqpwire.AppendFrame(buf, f); err != nil {
			return nil, false, err
		}
		if _, last := f.Body.(*amqpwire.Close); last {
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

// heartbeat returns how often to send something: twice within the time that
// the client allows, or the hub's own if it sets none.
func (c *conn) heartbeat() time.Duration {
	allowed := idleTimeOut
	if t := c.peer.IdleTimeOut; t != nil && *t > 0 {
		allowed = min(allowed, *t)
	}
	return max(time.Duration(allowed)*time.Millisecond/2, 10*time.Millisecond)
}
