package iothub_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
)

// fakeHub is a hub that answers as a test says, which the local hub never does.
// What a test leaves nil it does as a hub should.
type fakeHub struct {
	t      testing.TB
	served sync.WaitGroup

	// open changes the answer to open.
	open func(answer *amqpwire.Open)
	// attach changes the answer to an attach. Without a terminus, the hub detaches
	// the link without giving a reason.
	attach func(answer *amqpwire.Attach)
	// reply changes the reply to put-token.
	reply func(m *amqpwire.Message)
	// transfer answers a message that was sent. Default: accepted.
	transfer func(c *fakeHubConn, channel uint16, deliveryID uint32)
	// settle answers a settlement. Default: what was asked for.
	settle func(c *fakeHubConn, channel uint16, asked *amqpwire.Disposition)
	// deliver sends to a receiver that has credit. Default: messages.
	deliver func(c *fakeHubConn, l *fakeLink)
	// messages are delivered to every receiver, as far as its credit reaches.
	messages []amqpwire.Message

	mu      sync.Mutex
	conns   []net.Conn              // all so far
	settled []*amqpwire.Disposition // what receivers have sent
}

// dial connects to the hub.
func (h *fakeHub) dial(context.Context) (net.Conn, error) {
	near, far := faultnet.Pipe(socket)
	h.mu.Lock()
	h.conns = append(h.conns, far)
	h.mu.Unlock()
	c := &fakeHubConn{hub: h, net: far, links: make(map[uint32]*fakeLink)}
	h.served.Go(c.serve)
	return near, nil
}

// cut breaks all connections, and returns how many there have been.
func (h *fakeHub) cut() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		c.Close()
	}
	return len(h.conns)
}

// settlements returns the dispositions of receivers, other than on $cbs.
func (h *fakeHub) settlements() []*amqpwire.Disposition {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.settled
}

func (h *fakeHub) service(o iothub.Options) *iothub.Service {
	h.t.Helper()
	o.Dial = h.dial
	s, err := iothub.DialService(h.t.Context(), serviceString(h.t, inMemory), &o)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *fakeHub) device(id string, o iothub.Options) *iothub.Device {
	h.t.Helper()
	o.Dial = h.dial
	d, err := iothub.DialDevice(h.t.Context(), deviceString(h.t, inMemory, id), &o)
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// fakeHubConn is one connection to a fake hub. Its fields belong to serve.
type fakeHubConn struct {
	hub   *fakeHub
	net   net.Conn
	links map[uint32]*fakeLink // by channel and handle
	next  uint32               // delivery id
}

// fakeLink is a link of the client's.
type fakeLink struct {
	channel   uint16
	attach    *amqpwire.Attach
	delivered int    // of the hub's messages
	delivery  uint32 // that the client is sending
	payload   []byte // of that
}

// serve answers until the client closes the connection.
func (c *fakeHubConn) serve() {
	defer c.net.Close()
	in := bufio.NewReader(c.net)
	var header amqpwire.ProtocolHeader
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return
	}
	c.write(header[:])
	for {
		f, err := amqpwire.ReadFrame(in, 1<<20)
		if err != nil {
			return
		}
		if _, closed := f.Body.(*amqpwire.Close); closed {
			c.send(0, &amqpwire.Close{})
			return
		}
		c.answer(f)
	}
}

// write writes bytes as they are. The client may hang up meanwhile.
func (c *fakeHubConn) write(b []byte) { _, _ = c.net.Write(b) }

func (c *fakeHubConn) send(channel uint16, body amqpwire.Performative, payload ...byte) {
	b, err := amqpwire.AppendFrame(nil, amqpwire.Frame{Channel: channel, Body: body, Payload: payload})
	if err != nil {
		c.hub.t.Errorf("encode %T: %v", body, err)
	}
	c.write(b)
}

func (c *fakeHubConn) answer(f amqpwire.Frame) {
	switch body := f.Body.(type) {
	case *amqpwire.Open:
		answer := &amqpwire.Open{ContainerID: "fake"}
		if c.hub.open != nil {
			c.hub.open(answer)
		}
		c.send(0, answer)
	case *amqpwire.Begin:
		c.send(f.Channel, &amqpwire.Begin{RemoteChannel: &f.Channel, IncomingWindow: 5000, OutgoingWindow: 5000})
	case *amqpwire.Attach:
		c.attach(f.Channel, body)
	case *amqpwire.Flow:
		if body.Handle != nil {
			c.deliver(c.link(f.Channel, *body.Handle), int(*body.LinkCredit))
		}
	case *amqpwire.Transfer:
		c.receive(c.link(f.Channel, body.Handle), body, f.Payload)
	case *amqpwire.Disposition:
		c.settled(f.Channel, body)
	case *amqpwire.Detach:
		c.send(f.Channel, &amqpwire.Detach{Handle: body.Handle, Closed: true})
	case *amqpwire.End:
		c.send(f.Channel, &amqpwire.End{})
	}
}
