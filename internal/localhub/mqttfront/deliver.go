package mqttfront

import (
	"errors"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/mqttwire"
)

// maxInFlight is how many messages a client may have to acknowledge. Source: the
// C# SDK, which queues so many.
const maxInFlight = 50

// pump sends the messages that are ready, if the client wants any and has room.
func (c *client) pump() error {
	qos, subscribed := c.subscribed()
	if !subscribed {
		return nil
	}
	tokens := c.session.tokens()
	lost := c.mailbox.Lost(tokens)
	room := maxInFlight - len(tokens) + len(lost)
	for ; room > 0 && !c.conn.deaf.Load(); room-- {
		d, ok := c.mailbox.Take()
		if !ok {
			break
		}
		if err := c.deliver(d, qos); err != nil {
			return err
		}
	}
	c.session.forget(lost) // those of which the message has not come again, as the older ones do first
	if room == 0 && qos == mqttwire.AtMostOnce {
		c.nudge() // nothing is in flight: it goes on when the client has been heard
	}
	return nil
}

// subscribed returns the QoS of the messages that the client wants.
func (c *client) subscribed() (qos mqttwire.QoS, ok bool) {
	for filter, granted := range c.filters {
		if c.topics.bringsMessages(filter) {
			qos, ok = max(qos, granted), true
		}
	}
	return qos, ok
}

// deliver sends one message. Without an acknowledgement to wait for, it is
// complete when it is sent.
func (c *client) deliver(d broker.Delivery, qos mqttwire.QoS) error {
	p := &mqttwire.Publish{QoS: qos, Topic: c.topics.devicebound + bag(d.Message), Payload: d.Message.Body}
	if qos == mqttwire.AtLeastOnce {
		p.ID, p.Dup = c.session.hold(d)
	}
	err := c.conn.send(p)
	switch {
	case errors.Is(err, mqttwire.ErrMalformed): // its properties are too long for a topic
		delete(c.session.sent, p.ID)
		c.log.Warn("message dead-lettered: MQTT cannot carry it", "id", d.Message.ID, "reason", err.Error())
		c.settle(d.Token, broker.Reject)
		return nil
	case qos == mqttwire.AtMostOnce && err == nil:
		c.settle(d.Token, broker.Complete)
	case qos == mqttwire.AtMostOnce: // the connection has ended before it was sent
		c.mailbox.Release([]broker.LockToken{d.Token})
	}
	return err
}

// acknowledge completes a message. An id that nobody knows means a message that
// has ended otherwise.
func (c *client) acknowledge(p *mqttwire.PubAck) error {
	m := c.session.sent[p.ID]
	if m == nil {
		return nil
	}
	full := len(c.session.sent) >= maxInFlight
	delete(c.session.sent, p.ID)
	c.settle(m.token, broker.Complete)
	if full {
		return c.pump()
	}
	return nil
}

// settle ends a delivery. MQTT has no way to tell the client that it is too late.
func (c *client) settle(token broker.LockToken, how broker.Settlement) {
	if err := c.mailbox.Settle(token, how); err != nil {
		c.log.Info("settlement refused", "reason", err.Error())
	}
}
