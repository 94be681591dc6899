package mqttfront

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/mqttwire"
)

// The limits of a connection. A client that is not let in yet has no more than
// its CONNECT.
const (
	connectTimeout = 30 * time.Second // to send the CONNECT
	writeTimeout   = time.Minute      // to read what the hub writes
	goodbye        = time.Second      // to read the last of it
)

// conn carries packets. Its reader and writer are goroutines of their own; all
// that is not theirs belongs to the owner.
type conn struct {
	net     net.Conn
	br      *bufio.Reader // until the reader takes it over
	account account

	in      chan received
	out     chan []byte   // encoded packets
	deaf    atomic.Bool   // the client takes nothing more
	broken  chan struct{} // closed when the connection is to end
	failure error         // why; set before broken is closed
	fail    sync.Once

	reader, writer sync.WaitGroup
	stop           chan struct{} // closed to end the reader
}

// received is a packet of the client's, and what it costs until it is done with.
type received struct {
	packet mqttwire.Packet
	cost   int
}

func newConn(nc net.Conn, m Memory) *conn {
	return &conn{
		net:     nc,
		br:      bufio.NewReader(nc),
		account: account{memory: m},
		in:      make(chan received),
		out:     make(chan []byte, 64),
		broken:  make(chan struct{}),
		stop:    make(chan struct{}),
	}
}

// connect reads the first packet, in time.
func (c *conn) connect() (*mqttwire.Connect, error) {
	if err := c.net.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		return nil, err
	}
	p, err := mqttwire.ReadConnect(c.br, maxPacket)
	if err != nil {
		return nil, err
	}
	return p, c.net.SetDeadline(time.Time{})
}

// refuse answers the CONNECT of a client that must not come in, and waits a
// moment for it to hang up, so that the answer is not lost to a reset.
func (c *conn) refuse(code mqttwire.ConnectCode) {
	b, err := mqttwire.Append(nil, &mqttwire.ConnAck{Code: code})
	if err != nil { // it was made here: cannot happen
		return
	}
	if c.net.SetDeadline(time.Now().Add(goodbye)) != nil {
		return
	}
	if _, err := c.net.Write(b); err == nil {
		_, _ = io.CopyN(io.Discard, c.br, maxPacket)
	}
}

// start starts reader and writer. patience is how long the client may be silent.
func (c *conn) start(patience time.Duration) {
	c.reader.Go(func() { c.read(patience) })
	c.writer.Go(c.write)
}

// read is the reader's goroutine. It ends with the stream, or at stop.
func (c *conn) read(patience time.Duration) {
	// Not a read deadline: the end of one breaks a WebSocket, and what waits to be
	// written would be lost.
	silence := time.AfterFunc(patience, func() {
		c.giveUp(fmt.Errorf("nothing was heard from the client for %v", patience))
	})
	defer silence.Stop()
	for {
		silence.Reset(patience)
		p, err := c.receive()
		silence.Stop()
		if err != nil {
			c.giveUp(err)
			return
		}
		select {
		case c.in <- p:
		case <-c.stop:
			return
		}
	}
}

// receive reads a packet, if there is memory for it.
func (c *conn) receive() (r received, err error) {
	h, err := mqttwire.ReadHeader(c.br)
	if err != nil {
		return r, err
	}
	if r.cost, err = c.account.reserve(h); err != nil {
		return r, err
	}
	r.packet, err = h.Read(c.br)
	return r, err
}

// giveUp ends the connection, from any goroutine.
func (c *conn) giveUp(err error) {
	c.fail.Do(func() {
		if errors.Is(err, io.EOF) {
			err = errors.New("the client hung up without DISCONNECT")
		}
		c.failure = err
		close(c.broken)
	})
}

// send queues a packet for the writer. It waits while the client is slow to
// read. The error is that of the connection, or says that the packet cannot be
// encoded.
func (c *conn) send(p mqttwire.Packet) error {
	b, err := mqttwire.Append(nil, p)
	if err == nil {
		err = c.account.take(len(b))
	}
	if err != nil {
		return err
	}
	select {
	case c.out <- b:
		return nil
	case <-c.broken:
		return c.failure
	}
}

// coalesce is how many bytes of packets are collected before they are written.
const coalesce = 32 << 10

// write is the writer's goroutine: it sends what the owner queues, many packets
// at once if they are there, until the owner closes out. When a write fails, what
// the client has said before it hung up still counts: the reader comes to the end
// by itself, or not in time.
func (c *conn) write() {
	for b := range c.out {
		b = c.gather(b)
		err := c.flush(b)
		c.account.give(len(b))
		if err != nil {
			c.deaf.Store(true)
			c.discard(err)
			return
		}
	}
}

// discard throws away what the owner queues, and ends the connection soon.
func (c *conn) discard(err error) {
	end := time.AfterFunc(goodbye, func() { c.giveUp(err) })
	defer end.Stop()
	for b := range c.out {
		c.account.give(len(b))
	}
}

func (c *conn) flush(b []byte) error {
	if err := c.net.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := c.net.Write(b)
	return err
}

// gather returns b and what else is queued already.
func (c *conn) gather(b []byte) []byte {
	for len(b) < coalesce {
		select {
		case more, ok := <-c.out:
			if !ok {
				return b
			}
			b = append(b, more...)
		default:
			return b
		}
	}
	return b
}

// close writes what is queued, if the client takes it at once, and ends the
// connection. The owner sends nothing after it.
func (c *conn) close() {
	close(c.out)
	impatience := time.AfterFunc(goodbye, func() { _ = c.net.Close() })
	c.writer.Wait()
	impatience.Stop()
	close(c.stop)
	_ = c.net.Close()
	c.reader.Wait()
	c.account.close()
}
