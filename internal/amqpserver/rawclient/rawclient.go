// Package rawclient is an AMQP 1.0 client for tests of servers. It says exactly
// what it is told to, right or wrong, and shows what comes back frame by frame.
// It lives in a testing/synctest bubble.
package rawclient

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/amqpwire"
)

// Client is the client's end of a connection.
type Client struct {
	T    testing.TB
	Net  net.Conn
	In   chan Received // what has come and was not looked at yet
	Over chan struct{} // closed when the server has hung up
}

// Received is a frame, or a protocol header if that is not all zeros.
type Received struct {
	Frame  amqpwire.Frame
	Header amqpwire.ProtocolHeader
}

// Room is how much New has room for: more than tests leave unread, so that the
// server never waits.
const Room = 1 << 12

// New returns a client that has said nothing yet. It hangs up when the test
// ends.
func New(t testing.TB, c net.Conn) *Client { return NewWithRoom(t, c, Room) }

// NewWithRoom is New for a client that stops to read while so many frames have
// not been looked at.
func NewWithRoom(t testing.TB, nc net.Conn, room int) *Client {
	c := &Client{T: t, Net: nc, In: make(chan Received, room), Over: make(chan struct{})}
	go c.read()
	t.Cleanup(c.hangUp)
	return c
}

// hangUp ends the reader too, which may wait for room.
func (c *Client) hangUp() {
	_ = c.Net.Close()
	for {
		select {
		case <-c.In:
		case <-c.Over:
			return
		}
	}
}

func (c *Client) read() {
	defer close(c.Over)
	br := bufio.NewReader(c.Net)
	for {
		var r Received
		start, err := br.Peek(4)
		switch {
		case err != nil:
		case string(start) == "AMQP":
			_, err = io.ReadFull(br, r.Header[:])
		default:
			r.Frame, err = amqpwire.ReadFrame(br, 1<<20)
		}
		if err != nil {
			if errors.Is(err, amqpwire.ErrDecode) || errors.Is(err, amqpwire.ErrFraming) {
				c.T.Errorf("the server sent: %v", err)
			}
			return
		}
		c.In <- r
	}
}

// Write writes bytes as they are. The server may hang up meanwhile.
func (c *Client) Write(b []byte) { _, _ = c.Net.Write(b) }

// SendHeader sends a protocol header.
func (c *Client) SendHeader(h amqpwire.ProtocolHeader) { c.Write(h[:]) }

// Send sends a frame. No body makes a heartbeat.
func (c *Client) Send(channel uint16, body amqpwire.Performative, payload ...byte) {
	c.T.Helper()
	_, sasl := body.(*amqpwire.SASLInit)
	b, err := amqpwire.AppendFrame(nil, amqpwire.Frame{Channel: channel, SASL: sasl, Body: body, Payload: payload})
	if err != nil {
		c.T.Fatal(err)
	}
	c.Write(b)
}

// Next returns what the server sends next, apart from heartbeats.
func (c *Client) Next() Received {
	c.T.Helper()
	for {
		select {
		case r := <-c.In:
			if r.Header == (amqpwire.ProtocolHeader{}) && r.Frame.Body == nil {
				continue
			}
			return r
		case <-c.Over:
			select {
			case r := <-c.In: // it came before the end
				return r
			default:
			}
			c.T.Fatal("the server has hung up")
		}
	}
}

// Show describes what was received.
func Show(r Received) string {
	if r.Frame.Body == nil {
		return fmt.Sprintf("header %q", r.Header[:])
	}
	return fmt.Sprintf("%T%+v", r.Frame.Body, r.Frame.Body)
}

// Want returns the next frame, which must hold a T.
func Want[T amqpwire.Performative](c *Client) T {
	c.T.Helper()
	f := c.Next()
	body, ok := f.Frame.Body.(T)
	if !ok {
		c.T.Fatalf("the server sent %s, want %T", Show(f), body)
	}
	return body
}

// WantAfterFlows is Want, after any number of flows.
func WantAfterFlows[T amqpwire.Performative](c *Client) T {
	c.T.Helper()
	for {
		f := c.Next()
		switch body := f.Frame.Body.(type) {
		case T:
			return body
		case *amqpwire.Flow:
		default:
			c.T.Fatalf("the server sent %s", Show(f))
		}
	}
}

// WantTransfer returns the next frame, which must be a transfer, and its payload.
func (c *Client) WantTransfer() (*amqpwire.Transfer, []byte) {
	c.T.Helper()
	f := c.Next()
	t, ok := f.Frame.Body.(*amqpwire.Transfer)
	if !ok {
		c.T.Fatalf("the server sent %s, want a transfer", Show(f))
	}
	return t, f.Frame.Payload
}

// WantNothing checks that the server has sent nothing and is not going to.
func (c *Client) WantNothing() {
	c.T.Helper()
	synctest.Wait()
	select {
	case r := <-c.In:
		c.T.Fatalf("the server sent %s, want nothing", Show(r))
	case <-c.Over:
		c.T.Fatal("the server hung up, want nothing")
	default:
	}
}

// WantQuiet hands over all that the server has to send before it falls silent.
func (c *Client) WantQuiet(each func(Received)) {
	c.T.Helper()
	for {
		synctest.Wait()
		if len(c.In) == 0 {
			return
		}
		each(c.Next())
	}
}

// WantEnd checks that the server has hung up, or does so by itself, and sends
// nothing more.
func (c *Client) WantEnd() {
	c.T.Helper()
	<-c.Over
	select {
	case r := <-c.In:
		c.T.Fatalf("the server sent %s, want the end", Show(r))
	default:
	}
}

// WantClose checks that the server closes the connection for the given reason.
func (c *Client) WantClose(condition amqpwire.Symbol) *amqpwire.Error {
	c.T.Helper()
	body := Want[*amqpwire.Close](c)
	c.Send(0, &amqpwire.Close{})
	_ = c.Net.Close()
	return WantCondition(c.T, "close", body.Error, condition)
}

// WantAlive checks that the connection still works, by a session on channel 777.
func (c *Client) WantAlive() {
	c.T.Helper()
	const channel = 777
	c.Send(channel, &amqpwire.Begin{IncomingWindow: 1, OutgoingWindow: 1})
	Want[*amqpwire.Begin](c)
	c.Send(channel, &amqpwire.End{})
	Want[*amqpwire.End](c)
}

// WantCondition checks an error's condition; the empty one stands for no error.
// what is the frame that the error was in.
func WantCondition(t testing.TB, what string, got *amqpwire.Error, want amqpwire.Symbol) *amqpwire.Error {
	t.Helper()
	switch {
	case got == nil && want == "":
	case got == nil:
		t.Fatalf("%s without an error, want %s", what, want)
	case got.Condition != want:
		t.Fatalf("%s with %v, want %s", what, got, want)
	}
	return got
}
