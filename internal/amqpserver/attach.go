package amqpserver

import (
	"fmt"
	"math"

	"iothub-c2d/internal/amqpwire"
)

// What an attach may hold of text, in bytes, since a connection may have many
// links. The link names of all SDKs have less than 200, addresses of IoT Hub at
// most about 1000.
const (
	maxName    = 1 << 10
	maxAddress = 4 << 10
)

// attach answers the client's attach with a link to what it asked for, or with
// the reason why there is none.
func (s *Session) attach(a *amqpwire.Attach) error {
	c := s.conn
	switch {
	case a.Handle > handleMax: // this ends the connection (part 2 §2.7.2)
		return fmt.Errorf("%w: handle %d is above handle-max", amqpwire.ErrFraming, a.Handle)
	case s.links[a.Handle] != nil:
		return Errorf(CondHandleInUse, "Handle %d is in use.", a.Handle)
	case c.links >= maxLinks:
		return Errorf(CondLimitExceeded, "The connection has %d links.", c.links)
	}
	l := &Link{session: s, handle: a.Handle, name: a.Name, address: address(a)}
	l.cost = linkCost + min(len(l.name), maxName) + min(len(l.address), maxAddress)
	if refused := c.Hold(l.cost); refused != nil {
		return refused
	}
	r := reply(a)
	refused := l.check(r)
	switch {
	case refused != nil:
	case a.Role == amqpwire.RoleSender:
		refused = l.receive(a, r)
	default:
		refused = l.serve(a, r)
	}
	c.links++
	s.links[a.Handle] = l
	if refused != nil {
		return l.refuse(r, refused)
	}
	l.send(r)
	if l.receiver != nil {
		l.receiver.grantCredit()
	}
	return nil
}

// check returns why the link cannot be, whatever it is for. It takes off the
// answer what the client can do without, if the client takes no larger frame.
func (l *Link) check(r *amqpwire.Attach) *amqpwire.Error {
	c := l.session.conn
	r.MaxMessageSize = new(uint64(math.MaxUint64)) // the longest
	if !confirms(r.Properties) || !c.fits(r) {
		r.Properties = nil
	}
	fits := c.fits(r)
	r.MaxMessageSize = nil
	switch {
	case len(l.name) > maxName:
		return Errorf(CondInvalidField, "The name of the link is longer than %d bytes.", maxName)
	case len(r.Source.Address) > maxAddress, len(r.Target.Address) > maxAddress:
		return Errorf(CondInvalidField, "The address of the link is longer than %d bytes.", maxAddress)
	case !fits:
		return Errorf(CondFrameTooSmall, "The answer does not fit into a frame of %d bytes.", c.peerFrameSize)
	}
	return nil
}

// maxProperties is how long the properties of a link may be that are confirmed, in
// bytes: those of the SDKs have less than 500.
const maxProperties = 1 << 10

// confirms reports whether the answer to an attach repeats the properties. They
// must be plain: the answer may have to wait for a client that does not read.
func confirms(properties amqpwire.Map) bool {
	for _, p := range properties {
		for _, v := range []any{p.Key, p.Value} {
			switch v.(type) {
			case amqpwire.List, amqpwire.Map, amqpwire.Array, amqpwire.Described:
				return false
			}
		}
	}
	b, err := amqpwire.Append(nil, properties)
	return err == nil && len(b) <= maxProperties
}

// address returns the address of the server's end.
func address(a *amqpwire.Attach) string {
	switch {
	case a.Role == amqpwire.RoleSender && a.Target != nil:
		return a.Target.Address
	case a.Role == amqpwire.RoleReceiver && a.Source != nil:
		return a.Source.Address
	}
	return ""
}

// reply returns the server's attach: the client's terms, with fresh termini,
// since fields that a client adds to its own are not the server's to confirm.
func reply(a *amqpwire.Attach) *amqpwire.Attach {
	r := &amqpwire.Attach{
		Name:          a.Name,
		Handle:        a.Handle,
		Role:          !a.Role,
		SndSettleMode: a.SndSettleMode,
		RcvSettleMode: a.RcvSettleMode,
		Source:        new(amqpwire.Source),
		Target:        new(amqpwire.Target),
		Properties:    a.Properties,
	}
	if a.Source != nil {
		r.Source.Address = a.Source.Address
	}
	if a.Target != nil {
		r.Target.Address = a.Target.Address
	}
	if a.Role == amqpwire.RoleReceiver {
		r.InitialDeliveryCount = new(uint32)
	}
	return r
}

// refuse attaches the link without the server's terminus and detaches it at
// once, which is how AMQP says no (part 2 §2.6.3). If the client does not even
// take that, its session ends.
func (l *Link) refuse(r *amqpwire.Attach, reason *amqpwire.Error) error {
	if r.Role == amqpwire.RoleReceiver {
		r.Target = nil
	} else {
		r.Source = nil
	}
	l.finished = true
	if !l.session.conn.fits(r) {
		r.Source, r.Target = nil, nil
	}
	if !l.session.conn.fits(r) {
		return reason
	}
	l.send(r)
	l.sayDetach(reason)
	l.name, l.address = brief(l.name), ""
	return nil
}
