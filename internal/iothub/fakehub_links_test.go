package iothub_test

import "iothub-c2d/internal/amqpwire"

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
			m := amqpwire.Message{
				Properties:            &amqpwire.Properties{CorrelationID: request.Properties.MessageID},
				ApplicationProperties: amqpwire.Map{{Key: "status-code", Value: int32(200)}},
			}
			if c.hub.reply != nil {
				c.hub.reply(&m)
			}
			c.transfer(reply, m)
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
