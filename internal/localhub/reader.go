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
	// Not a read deadline: the end of one breaks a WebSocket, and the client could
	// not be told.
	const patience = time.Duration(idleTimeOut) * time.Millisecond
	silence := time.AfterFunc(patience, func() { c.giveUp(errSilent) })
	defer silence.Stop()
	for {
		silence.Reset(patience)
		f, err := amqpwire.ReadFrame(c.br, c.manners.maxFrameSize)
		silence.Stop()
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

// errSilent ends a connection on which nothing is heard (part 2 §2.4.5).
var errSilent = protocolError(condLimitExceeded, "Nothing was heard from the client for %d ms.", idleTimeOut)

func (c *conn) giveUp(err error) {
	c.fail.Do(func() {
		if errors.Is(err, io.EOF) {
			err = errors.New("the client hung up without closing")
		}
		c.failure = err
		close(c.broken)
	})
}
