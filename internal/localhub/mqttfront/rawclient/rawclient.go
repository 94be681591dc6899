// Package rawclient is an MQTT client for tests of servers. It says exactly what
// it is told to, right or wrong, and shows what comes back packet by packet.
package rawclient

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/mqttwire"
)

// Client is the client's end of a connection.
type Client struct {
	T    testing.TB
	Net  net.Conn
	In   chan mqttwire.Packet // what has come and was not looked at yet
	Over chan struct{}        // closed when the server has hung up
}

// Room is how much New has room for: more than tests leave unread, so that the
// server never waits.
const Room = 1 << 12

// New returns a client that has said nothing yet. It hangs up when the test
// ends.
func New(t testing.TB, c net.Conn) *Client { return NewWithRoom(t, c, Room) }

// NewWithRoom is New for a client that stops to read while so many packets have
// not been looked at.
func NewWithRoom(t testing.TB, nc net.Conn, room int) *Client {
	c := &Client{T: t, Net: nc, In: make(chan mqttwire.Packet, room), Over: make(chan struct{})}
	go c.read()
	t.Cleanup(c.HangUp)
	return c
}

// HangUp ends the connection without a word, and the reader, which may wait for
// room.
func (c *Client) HangUp() {
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
		p, err := mqttwire.Read(br, 1<<20)
		if err != nil {
			if errors.Is(err, mqttwire.ErrMalformed) || errors.Is(err, mqttwire.ErrTooLong) {
				c.T.Errorf("the server sent: %v", err)
			}
			return
		}
		c.In <- p
	}
}

// Write writes bytes as they are. The server may hang up meanwhile.
func (c *Client) Write(b []byte) { _, _ = c.Net.Write(b) }

// Send sends packets, at once.
func (c *Client) Send(packets ...mqttwire.Packet) {
	c.T.Helper()
	c.Write(Encode(c.T, packets...))
}

// Encode returns the bytes of packets.
func Encode(t testing.TB, packets ...mqttwire.Packet) (b []byte) {
	t.Helper()
	for _, p := range packets {
		var err error
		if b, err = mqttwire.Append(b, p); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// Next returns what the server sends next.
func (c *Client) Next() mqttwire.Packet {
	c.T.Helper()
	p, err := c.next()
	if err != nil {
		c.T.Fatal("the server has hung up")
	}
	return p
}

func (c *Client) next() (mqttwire.Packet, error) {
	select {
	case p := <-c.In:
		return p, nil
	case <-c.Over:
		select {
		case p := <-c.In: // it came before the end
			return p, nil
		default:
			return nil, io.EOF
		}
	}
}

// Want returns the next packet, which must be a T.
func Want[T mqttwire.Packet](c *Client) T {
	c.T.Helper()
	next := c.Next()
	p, ok := next.(T)
	if !ok {
		c.T.Fatalf("the server sent %T%+v, want %T", next, next, p)
	}
	return p
}

// WantNothing checks that the server has sent nothing and is not going to.
// It is for synctest bubbles.
func (c *Client) WantNothing() {
	c.T.Helper()
	synctest.Wait()
	select {
	case p := <-c.In:
		c.T.Fatalf("the server sent %T%+v, want nothing", p, p)
	case <-c.Over:
		c.T.Fatal("the server hung up, want nothing")
	default:
	}
}

// WantEnd checks that the server has hung up, or does so by itself, and sends
// nothing more.
func (c *Client) WantEnd() {
	c.T.Helper()
	if p, err := c.next(); err == nil {
		c.T.Fatalf("the server sent %T%+v, want the end", p, p)
	}
}

// WantAlive checks that the connection still works.
func (c *Client) WantAlive() {
	c.T.Helper()
	c.Send(&mqttwire.PingReq{})
	Want[*mqttwire.PingResp](c)
}

// Connect sends a CONNECT, and returns the answer.
func (c *Client) Connect(p *mqttwire.Connect) *mqttwire.ConnAck {
	c.T.Helper()
	c.Send(p)
	return Want[*mqttwire.ConnAck](c)
}

// Subscribe subscribes to filters at one QoS, and returns what is granted.
func (c *Client) Subscribe(qos mqttwire.QoS, filters ...string) []mqttwire.QoS {
	c.T.Helper()
	p := &mqttwire.Subscribe{ID: 1}
	for _, f := range filters {
		p.Filters = append(p.Filters, mqttwire.Filter{Topic: f, QoS: qos})
	}
	c.Send(p)
	answer := Want[*mqttwire.SubAck](c)
	if answer.ID != p.ID || len(answer.Granted) != len(filters) {
		c.T.Fatalf("%+v, want packet 1 with %d answers", answer, len(filters))
	}
	return answer.Granted
}

// Acknowledge acknowledges a message of QoS 1.
func (c *Client) Acknowledge(m *mqttwire.Publish) {
	c.T.Helper()
	c.Send(&mqttwire.PubAck{ID: m.ID})
}
