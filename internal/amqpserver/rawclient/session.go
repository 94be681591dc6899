package rawclient

import (
	"testing"

	"iothub-c2d/internal/amqpwire"
)

// What the client does in every test but the one that is about it.

// SASL goes through the SASL layer, and returns what was offered and the outcome.
func (c *Client) SASL(init *amqpwire.SASLInit) ([]amqpwire.Symbol, *amqpwire.SASLOutcome) {
	c.T.Helper()
	c.SendHeader(amqpwire.HeaderSASL)
	if got := c.Next().Header; got != amqpwire.HeaderSASL {
		c.T.Fatalf("header %q, want SASL's", got[:])
	}
	offer := Want[*amqpwire.SASLMechanisms](c)
	c.Send(0, init)
	return offer.Mechanisms, Want[*amqpwire.SASLOutcome](c)
}

// Open opens the connection, and returns the server's open.
func (c *Client) Open(o *amqpwire.Open) *amqpwire.Open {
	c.T.Helper()
	c.SendHeader(amqpwire.HeaderAMQP)
	c.Send(0, o)
	if got := c.Next().Header; got != amqpwire.HeaderAMQP {
		c.T.Fatalf("header %q, want AMQP's", got[:])
	}
	return Want[*amqpwire.Open](c)
}

// Begin begins a session with a window of so many transfers to the client.
func (c *Client) Begin(channel uint16, window uint32) *amqpwire.Begin {
	c.T.Helper()
	c.Send(channel, &amqpwire.Begin{IncomingWindow: window, OutgoingWindow: 5000})
	return Want[*amqpwire.Begin](c)
}

// SenderAttach returns an attach to send to an address.
func SenderAttach(handle uint32, address string) *amqpwire.Attach {
	return &amqpwire.Attach{
		Name: "out", Handle: handle, Role: amqpwire.RoleSender,
		Source: &amqpwire.Source{}, Target: &amqpwire.Target{Address: address},
		InitialDeliveryCount: new(uint32),
	}
}

// ReceiverAttach returns an attach to receive from an address.
func ReceiverAttach(handle uint32, address string) *amqpwire.Attach {
	return &amqpwire.Attach{
		Name: "in", Handle: handle, Role: amqpwire.RoleReceiver,
		Source: &amqpwire.Source{Address: address}, Target: &amqpwire.Target{},
	}
}

// Sender attaches a link to send on to channel 0, which must succeed.
func (c *Client) Sender(handle uint32, address string) *amqpwire.Attach {
	c.T.Helper()
	c.Send(0, SenderAttach(handle, address))
	a := Want[*amqpwire.Attach](c)
	if a.Target == nil {
		c.T.Fatalf("attach to %q refused: %v", address, Want[*amqpwire.Detach](c).Error)
	}
	Want[*amqpwire.Flow](c)
	return a
}

// Receiver attaches a link to receive on to channel 0, which must succeed.
func (c *Client) Receiver(handle uint32, address string) *amqpwire.Attach {
	c.T.Helper()
	c.Send(0, ReceiverAttach(handle, address))
	a := Want[*amqpwire.Attach](c)
	if a.Source == nil {
		c.T.Fatalf("attach to %q refused: %v", address, Want[*amqpwire.Detach](c).Error)
	}
	return a
}

// WantRefused sends an attach that the server must refuse.
func (c *Client) WantRefused(a *amqpwire.Attach, condition amqpwire.Symbol) *amqpwire.Error {
	c.T.Helper()
	c.Send(0, a)
	reply := Want[*amqpwire.Attach](c)
	if a.Role == amqpwire.RoleSender && reply.Target != nil || a.Role == amqpwire.RoleReceiver && reply.Source != nil {
		c.T.Fatalf("attach = %+v, want it without the server's terminus", reply)
	}
	detach := Want[*amqpwire.Detach](c)
	if detach.Handle != a.Handle || !detach.Closed {
		c.T.Errorf("detach = %+v, want handle %d closed", detach, a.Handle)
	}
	refused := WantCondition(c.T, "detach", detach.Error, condition)
	c.Send(0, &amqpwire.Detach{Handle: a.Handle, Closed: true})
	c.WantNothing()
	return refused
}

// Credit grants credit at a delivery-count, and a session window that no test
// uses up.
func (c *Client) Credit(handle, count, credit uint32) {
	c.T.Helper()
	c.Send(0, &amqpwire.Flow{
		NextIncomingID: new(uint32(1)), IncomingWindow: 1 << 20, OutgoingWindow: 5000,
		Handle: &handle, DeliveryCount: &count, LinkCredit: &credit,
	})
}

// Transfer sends an encoded message in one frame. What t leaves out is filled in.
func (c *Client) Transfer(t *amqpwire.Transfer, message []byte) {
	c.T.Helper()
	if t.DeliveryID == nil {
		t.DeliveryID = new(uint32)
	}
	if t.DeliveryTag == nil {
		t.DeliveryTag = []byte("tag")
	}
	c.Send(0, t, message...)
}

// Settle settles a delivery as a receiver that waits for no answer.
func (c *Client) Settle(id uint32, state amqpwire.DeliveryState) {
	c.T.Helper()
	c.Send(0, &amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: id, Settled: true, State: state})
}

// Dispose says something of deliveries without settling them, as a receiver that
// waits for an answer.
func (c *Client) Dispose(first uint32, last *uint32, state amqpwire.DeliveryState) {
	c.T.Helper()
	c.Send(0, &amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: first, Last: last, State: state})
}

// WantAnswer returns the error of the server's answer to Dispose, nil if what was
// asked for was carried out.
func (c *Client) WantAnswer(id uint32) *amqpwire.Error {
	c.T.Helper()
	d := Want[*amqpwire.Disposition](c)
	if d.Role != amqpwire.RoleSender || d.First != id || d.Last != nil || !d.Settled {
		c.T.Fatalf("disposition %+v, want delivery %d settled", d, id)
	}
	switch state := d.State.(type) {
	case *amqpwire.Accepted:
		return nil
	case *amqpwire.Rejected:
		return state.Error
	}
	c.T.Fatalf("state %T, want accepted or rejected", d.State)
	return nil
}

// Encode returns the bytes of a message.
func Encode(t testing.TB, m *amqpwire.Message) []byte {
	t.Helper()
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Decode returns the message in a payload.
func Decode(t testing.TB, payload []byte) *amqpwire.Message {
	t.Helper()
	m, err := amqpwire.DecodeMessage(payload)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
