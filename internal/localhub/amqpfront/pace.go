package amqpfront

import (
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/localhub/broker"
)

// pace is what limits do to one connection. Without limits it stays empty. It
// belongs to the connection's owner goroutine.
type pace struct {
	waiting []turn         // in order; what the connection may owe its client bounds them
	refused bool           // the device that is to be connected now must not
	devices map[string]int // links of each device; nil: nobody counts them
}

// turn is something that is done later.
type turn struct {
	at time.Time
	do func()
}

// next returns when the next turn has come, zero if nothing waits.
func (p *pace) next() time.Time {
	if len(p.waiting) == 0 {
		return time.Time{}
	}
	return p.waiting[0].at
}

// proceed does all whose turn has come.
func (p *pace) proceed(now time.Time) {
	for len(p.waiting) > 0 && !p.waiting[0].at.After(now) {
		do := p.waiting[0].do
		p.waiting[0] = turn{} // for the garbage collector
		p.waiting = p.waiting[1:]
		do()
	}
}

// setAlarm has the connection's alarm go off when there is something to do.
func (c *Client) setAlarm() {
	at := c.nextCheck
	if next := c.pace.next(); !next.IsZero() && (at.IsZero() || next.Before(at)) {
		at = next
	}
	c.conn.At(at, c.onAlarm)
}

func (c *Client) onAlarm() {
	now := time.Now()
	c.pace.proceed(now)
	if !c.nextCheck.IsZero() && !now.Before(c.nextCheck) {
		c.check()
	}
	c.setAlarm()
}

// shape has a message sent when its turn has come, perhaps at once, or returns why
// it is refused. A client's messages stay in order.
func (c *Client) shape(send func()) *broker.Refusal {
	sends := c.front.options.Throttle.Sends
	wait, ok := sends.Take()
	switch {
	case !ok:
		return broker.Refuse(broker.Throttled, "The hub's limit is %s.", sends.String())
	case wait == 0 && len(c.pace.waiting) == 0:
		send()
	default:
		c.pace.waiting = append(c.pace.waiting, turn{time.Now().Add(wait), send})
		c.setAlarm()
	}
	return nil
}

// delay returns how long an attach waits. What counts as a new connection of a device
// is the first of its links on a connection, since one connection may have many
// devices.
func (c *Client) delay(address string) time.Duration {
	c.pace.refused = false
	ep := parseEndpoint(address)
	if ep.target == (broker.ID{}) || c.pace.devices[ep.target.Device] > 0 || c.permitted(ep.need()).IsZero() {
		return 0
	}
	if c.pace.devices == nil {
		c.pace.devices = make(map[string]int)
	}
	wait, ok := c.front.options.Throttle.Connections.Take()
	c.pace.refused = !ok
	return wait
}

// connect counts a link of a device, until it ends.
func (p *pace) connect(l *amqpserver.Link, device string) {
	if p.devices == nil {
		return
	}
	p.devices[device]++
	l.OnEnd(func() {
		if p.devices[device]--; p.devices[device] == 0 {
			delete(p.devices, device)
		}
	})
}

// throttled returns why a device must not be connected now, nil if it may.
func (c *Client) throttled(ep endpoint) *broker.Refusal {
	if !c.pace.refused || ep.target == (broker.ID{}) {
		return nil
	}
	return broker.Refuse(broker.Throttled, "The hub's limit is %s.", c.front.options.Throttle.Connections.String())
}
