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

func (c *fakeHubConn) link(channel uint16, handle uint32) *fakeLink {
	return c.links[uint32(channel)<<16|handle]
}

// attach answers with what was asked for.
func (c *fakeHubConn) attach(channel uint16, asked *amqpwire.Attach) {
	c.links[uint32(channel)<<16|asked.Handle] = &fakeLink{channel: channel, attach: asked}
	answer := &amqpwire.Attach{
		Name: asked.Name, Handle: asked.Handle, Role: !asked.Role, Source: asked.Source, Target: asked.Target,
		RcvSettleMode: asked.RcvSettleMode, InitialDeliveryCount: new(uint32),
	}
	if c.hub.attach != nil && !isCBS(asked) {
		c.hub.attach(answer)
	}
	c.send(channel, answer)
	switch {
	case answer.Source == nil && answer.Target == nil:
		c.send(channel, &amqpwire.Detach{Handle: asked.Handle, Closed: true})
	case asked.Role == amqpwire.RoleSender:
		c.send(channel, &amqpwire.Flow{
			NextIncomingID: new(uint32), IncomingWindow: 5000, OutgoingWindow: 5000,
			Handle: &asked.Handle, DeliveryCount: new(uint32), LinkCredit: new(uint32(1000)),
		})
	}
}

func isCBS(a *amqpwire.Attach) bool {
	return a.Source != nil && a.Source.Address == "$cbs" || a.Target != nil && a.Target.Address == "$cbs"
}

// receive answers a message, or a request to $cbs.
func (c *fakeHubConn) receive(l *fakeLink, t *amqpwire.Transfer, payload []byte) {
	if t.DeliveryID != nil {
		l.delivery, l.payload = *t.DeliveryID, nil
	}
	l.payload = append(l.payload, payload...)
	switch {
	case t.More:
	case isCBS(l.attach):
		c.outcome(l.channel, l.delivery, &amqpwire.Accepted{})
		c.authenticate(l.payload)
	case c.hub.transfer != nil:
		c.hub.transfer(c, l.channel, l.delivery)
	default:
		c.outcome(l.channel, l.delivery, &amqpwire.Accepted{})
	}
}

// authenticate answers put-token: everybody is let in.
func (c *fakeHubConn) authenticate(payload []byte) {
	request, err := amqpwire.DecodeMessage(payload)
	if err != nil {
		c.hub.t.Errorf("put-token: %v", err)
		return
	}
	for _, reply := range c.links {
		if isCBS(reply.attach) && reply.attach.Role == amqpwire.RoleReceiver {
			c.transfer(reply, amqpwire.Message{
				Properties:            &amqpwire.Properties{CorrelationID: request.Properties.MessageID},
				ApplicationProperties: amqpwire.Map{{Key: "status-code", Value: int32(200)}},
			})
		}
	}
}

// outcome tells the outcome of a message that was sent.
func (c *fakeHubConn) outcome(channel uint16, deliveryID uint32, state amqpwire.DeliveryState) {
	c.send(channel, &amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: deliveryID, Settled: true, State: state})
}

// deliver sends what the hub has for a receiver.
func (c *fakeHubConn) deliver(l *fakeLink, credit int) {
	if isCBS(l.attach) || l.attach.Role == amqpwire.RoleSender {
		return
	}
	if c.hub.deliver != nil {
		c.hub.deliver(c, l)
		return
	}
	for ; credit > 0 && l.delivered < len(c.hub.messages); credit-- {
		l.delivered++
		c.transfer(l, c.hub.messages[l.delivered-1])
	}
}

// transfer sends a message to the client.
func (c *fakeHubConn) transfer(l *fakeLink, m amqpwire.Message) {
	payload, err := m.Append(nil)
	if err != nil {
		c.hub.t.Errorf("encode a message: %v", err)
	}
	id := c.next
	c.next++
	c.send(l.channel, &amqpwire.Transfer{
		Handle: l.attach.Handle, DeliveryID: &id, DeliveryTag: []byte{byte(id)}, MessageFormat: new(uint32),
	}, payload...)
}

// settled answers what a receiver says of a message, unless that needs no answer.
func (c *fakeHubConn) settled(channel uint16, d *amqpwire.Disposition) {
	if l := c.link(channel, 0); l == nil || isCBS(l.attach) {
		return
	}
	c.hub.mu.Lock()
	c.hub.settled = append(c.hub.settled, d)
	c.hub.mu.Unlock()
	switch {
	case d.Settled:
	case c.hub.settle != nil:
		c.hub.settle(c, channel, d)
	default:
		c.confirm(channel, d.First, d.State)
	}
}

// confirm answers a settlement.
func (c *fakeHubConn) confirm(channel uint16, deliveryID uint32, state amqpwire.DeliveryState) {
	c.send(channel, &amqpwire.Disposition{Role: amqpwire.RoleSender, First: deliveryID, Settled: true, State: state})
}
