package localhub

import (
	"fmt"

	"iothub-c2d/internal/amqpwire"
)

// link is the hub's end of a link: an *inLink, an *outLink or a *refusedLink.
type link interface {
	base() *linkBase
	// flow takes over the client's view of the link.
	flow(f *amqpwire.Flow)
	// end lets go of what the link holds. clean says that the client knows that
	// it is over, so that messages in its hands can go back at once.
	end(clean bool)
}

// linkBase is what all links have.
type linkBase struct {
	session *session
	handle  uint32
	name    string
	role    bool // the client's
	need    need
	// gone says that the hub has detached the link and waits for the client's
	// answer; what the client sends meanwhile crossed the detach on its way.
	gone bool
}

// need is the permission that a link lives by. The zero value is none.
type need struct {
	permission Permission
	path       string
}

func (b *linkBase) base() *linkBase { return b }

// detach tells the client that the link is over.
func (b *linkBase) detach(reason *amqpwire.Error) {
	if b.gone {
		return
	}
	b.gone = true
	b.session.conn.log.Info("link detached", "link", b.name, "condition", string(reason.Condition), "reason", explain(reason))
	b.session.send(&amqpwire.Detach{Handle: b.handle, Closed: true, Error: reason})
}

// refusedLink keeps the handle of a link that was refused until the client
// detaches it.
type refusedLink struct{ linkBase }

func (*refusedLink) flow(*amqpwire.Flow) {}
func (*refusedLink) end(bool)            {}

// attach answers the client's attach with a link to the endpoint that it asked
// for, or with the reason why there is none.
func (s *session) attach(a *amqpwire.Attach) error {
	c := s.conn
	switch {
	case a.Handle > handleMax: // this ends the connection (part 2 §2.7.2)
		return fmt.Errorf("%w: handle %d is above handle-max", amqpwire.ErrFraming, a.Handle)
	case s.links[a.Handle] != nil:
		return protocolError(condHandleInUse, "Handle %d is in use.", a.Handle)
	case c.links >= maxLinks:
		return protocolError(condLimitExceeded, "The connection has %d links.", c.links)
	}
	c.links++
	base := linkBase{session: s, handle: a.Handle, name: a.Name, role: a.Role}
	ep := parseEndpoint(address(a))
	base.need = ep.need()
	refused := c.refuse(a, ep)
	if refused == nil {
		refused = c.refuseOnPurpose(ep)
	}
	if refused != nil {
		s.refuse(a, base, refused)
		return nil
	}
	c.hub.tell(Event{Kind: EventAttached, Device: ep.target.String(), Detail: address(a)})
	if a.Role == amqpwire.RoleSender {
		s.attachIn(a, base, ep)
	} else {
		s.attachOut(a, base, ep)
	}
	c.checkPermissionsAt(c.permitted(base.need))
	return nil
}

// address returns the address of the hub's end.
func address(a *amqpwire.Attach) string {
	switch {
	case a.Role == amqpwire.RoleSender && a.Target != nil:
		return a.Target.Address
	case a.Role == amqpwire.RoleReceiver && a.Source != nil:
		return a.Source.Address
	}
	return ""
}

// reply returns the hub's attach: the client's terms, with fresh termini,
// since fields that a client adds to its own are not the hub's to confirm.
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

// refuse attaches the link without the hub's terminus and detaches it at once,
// which is how AMQP says no (part 2 §2.6.3).
func (s *session) refuse(a *amqpwire.Attach, base linkBase, reason *amqpwire.Error) {
	r := reply(a)
	if a.Role == amqpwire.RoleSender {
		r.Target = nil
	} else {
		r.Source = nil
	}
	l := &refusedLink{base}
	s.links[a.Handle] = l
	s.send(r)
	l.detach(reason)
}
