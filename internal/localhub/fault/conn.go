package fault

import (
	"errors"
	"net"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/faultnet"
)

// Conn is what one connection of the hub does wrong. It belongs to the
// connection's owner goroutine.
type Conn struct {
	injector *Injector
	conn     *amqpserver.Conn
	socket   net.Conn
	tell     func(Name)

	plan *plan       // that seen is about
	seen map[int]int // opportunities on this connection, by index in the plan
}

// Conn returns the faults of a connection over a socket. tell hears of each that
// strikes.
func (i *Injector) Conn(c *amqpserver.Conn, socket net.Conn, tell func(Name)) *Conn {
	return &Conn{injector: i, conn: c, socket: socket, tell: tell}
}

// strikes reports whether a fault of the name strikes at this opportunity, and
// with what value.
func (c *Conn) strikes(name Name) (value string, yes bool) {
	p := c.injector.plan.Load()
	if len(p.list) == 0 {
		return "", false
	}
	if c.plan != p {
		c.plan, c.seen = p, make(map[int]int)
	}
	for n, f := range p.list {
		if f.Name != name {
			continue
		}
		c.seen[n]++
		if !p.due(n, f.When, c.seen[n]) {
			continue
		}
		c.conn.Log().Info("fault", "name", string(name), "value", f.Value)
		c.tell(name)
		return f.Value, true
	}
	return "", false
}

var (
	// errDropped ends a connection without a word.
	errDropped = errors.New("dropped on purpose")
	// errNoReason closes a connection without telling the client why.
	errNoReason = errors.New("closed on purpose")
)

// Frame carries out the faults that strike at a frame. It reports whether that
// is all that is to be done about the frame; an error ends the connection.
func (c *Conn) Frame(f amqpwire.Frame) (done bool, err error) {
	if _, hole := c.strikes(BlackHole); hole {
		c.conn.Mute()
		return true, nil
	}
	if _, drop := c.strikes(Drop); drop {
		c.conn.Mute() // what waits to be written does not go out either
		faultnet.NewConn(c.socket, 0).Cut(faultnet.Reset)
		return true, errDropped
	}
	if value, strikes := c.strikes(Close); strikes {
		return true, closing(value)
	}
	s := c.conn.Session(f.Channel)
	if s == nil {
		return false, nil
	}
	if value, strikes := c.strikes(EndSession); strikes {
		s.End(onPurpose(value, amqpserver.CondInternalError))
		return true, nil
	}
	if l := c.conn.Concerned(f); l != nil && l.Address() != "$cbs" {
		if value, strikes := c.strikes(Detach); strikes {
			l.Detach(onPurpose(value, amqpserver.CondDetachForced))
		}
	}
	return false, nil
}

// Token says how to answer a request for authentication, if not as usual.
func (c *Conn) Token() (status int32, answered, strikes bool) {
	value, strikes := c.strikes(RefuseAuth)
	if !strikes || value == noAnswer {
		return 0, false, strikes
	}
	return authStatus(value), true, true
}

// Attach returns the reason to refuse a link that there is no reason to refuse.
func (c *Conn) Attach() *amqpwire.Error {
	if value, strikes := c.strikes(RefuseAttach); strikes {
		return onPurpose(value, amqpserver.CondInternalError)
	}
	return nil
}
