package mqttfront

import (
	"maps"
	"slices"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/mqttwire"
)

// subscribe grants the filters that the device may have, with QoS 1 at most, and
// refuses the others. What is granted is kept before the client hears of it; no
// message comes before it does.
func (c *client) subscribe(p *mqttwire.Subscribe) error {
	filters := maps.Clone(c.filters)
	answer := &mqttwire.SubAck{ID: p.ID}
	for _, f := range p.Filters {
		granted := mqttwire.Refused
		if c.topics.knows(f.Topic) {
			granted = min(f.QoS, mqttwire.AtLeastOnce)
			filters[f.Topic] = granted
		}
		answer.Granted = append(answer.Granted, granted)
	}
	if c.keep(filters) != nil { // the log knows
		for i := range answer.Granted {
			answer.Granted[i] = mqttwire.Refused
		}
	} else {
		c.filters = filters
	}
	c.report(p, answer)
	if err := c.conn.send(answer); err != nil {
		return err
	}
	return c.pump()
}

// report tells what became of the filters.
func (c *client) report(p *mqttwire.Subscribe, answer *mqttwire.SubAck) {
	for i, f := range p.Filters {
		if answer.Granted[i] != mqttwire.Refused {
			c.front.options.Broker.Tell(broker.Event{Kind: broker.EventAttached, Device: c.mailbox.ID.String(), Detail: f.Topic})
		}
	}
	if i := slices.Index(answer.Granted, mqttwire.Refused); i >= 0 {
		c.log.Info("subscription refused", "filter", broker.Brief(p.Filters[i].Topic))
	}
}

// unsubscribe takes filters back, known ones or not. Messages that the client has
// not acknowledged may still be.
func (c *client) unsubscribe(p *mqttwire.Unsubscribe) error {
	filters := maps.Clone(c.filters)
	for _, topic := range p.Topics {
		delete(filters, topic)
	}
	if err := c.keep(filters); err != nil {
		return err // there is no answer that says no
	}
	c.filters = filters
	return c.conn.send(&mqttwire.UnsubAck{ID: p.ID})
}
