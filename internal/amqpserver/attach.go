package amqpserver

import (
	"fmt"

	"iothub-c2d/internal/amqpwire"
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
	c.links++
	l := &Link{session: s, handle: a.Handle, name: a.Name, address: address(a)}
	s.links[a.Handle] = l
	var refused *amqpwire.Error
	if a.Role == amqpwire.RoleSender {
		refused = l.receive(a)
	} else {
		refused = l.serve(a)
	}
	if refused != nil {
		l.refuse(a, refused)
	}
	return nil
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
// once, which is how AMQP says no (part 2 §2.6.3).
func (l *Link) refuse(a *amqpwire.Attach, reason *amqpwire.Error) {
	r := reply(a)
	if a.Role == amqpwire.RoleSender {
		r.Target = nil
	} else {
		r.Source = nil
	}
	l.finished = true
	l.send(r)
	l.sayDetach(reason)
}
