package localhub

import (
	"errors"
	"io"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// linger waits a moment for the client to close its side, so that the last
// frames are not lost to a reset.
func (c *conn) linger() {
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

// read is the reader's goroutine. It ends with the stream, or at stop.
func (c *conn) read(stop <-chan struct{}) {
	for {
		err := c.net.SetReadDeadline(time.Now().Add(time.Duration(idleTimeOut) * time.Millisecond))
		if err != nil {
			c.giveUp(err)
			return
		}
		f, err := amqpwire.ReadFrame(c.br, c.manners.maxFrameSize)
		if err != nil {
			c.giveUp(err)
			return
		}
		select {
		case c.in <- f:
		case <-stop:
			return
		}
	}
}

func (c *conn) giveUp(err error) {
	c.fail.Do(func() {
		if errors.Is(err, io.EOF) {
			err = errors.New("the client hung up without closing")
		}
		c.failure = err
		close(c.broken)
	})
}
