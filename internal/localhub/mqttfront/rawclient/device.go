package rawclient

import (
	"strings"
	"testing"

	"iothub-c2d/internal/mqttwire"
)

// Device is a device as SDKs are, for tests of sessions: it comes again when its
// connection breaks, does not subscribe again if it has once, and acknowledges each
// message.
type Device struct {
	T       testing.TB
	Hello   func() *mqttwire.Connect
	Filter  string
	Receive func(*mqttwire.Publish) // is called before a message is acknowledged

	known      bool // the server has let it in once
	subscribed bool // the server has said so
}

// Serve is the life of one connection, until that ends.
func (d *Device) Serve(c *Client) {
	defer c.HangUp()
	c.Send(d.Hello())
	for {
		p, err := c.next()
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *mqttwire.ConnAck:
			d.welcome(c, p)
		case *mqttwire.SubAck:
			d.subscribed = true
		case *mqttwire.Publish:
			d.Receive(p)
			c.Acknowledge(p)
		default:
			d.T.Errorf("the server sent %T%+v", p, p)
		}
	}
}

// welcome expects to be let in, and that the server knows what it knew before.
func (d *Device) welcome(c *Client, p *mqttwire.ConnAck) {
	if p.Code != mqttwire.Accepted || d.known && !p.SessionPresent {
		d.T.Errorf("the server sent %+v; it has let the device in before: %v", p, d.known)
	}
	d.known = true
	if !d.subscribed {
		c.Send(&mqttwire.Subscribe{ID: 1, Filters: []mqttwire.Filter{{Topic: d.Filter, QoS: mqttwire.AtLeastOnce}}})
	}
}

// MessageID returns the id in the topic of a message.
func MessageID(p *mqttwire.Publish) string {
	_, rest, _ := strings.Cut(p.Topic, "%24.mid=")
	id, _, _ := strings.Cut(rest, "&")
	return id
}
