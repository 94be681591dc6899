package localhub

import (
	"errors"
	"time"

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
	if s.links[a.Handle] != nil {
		return protocolError(condHandleInUse, "Handle %d is in use.", a.Handle)
	}
	if c.links >= maxLinks {
		return protocolError(condLimitExceeded, "The connection has %d links.", c.links)
	}
	c.links++
	base := linkBase{session: s, handle: a.Handle, name: a.Name, role: a.Role}
	ep := parseEndpoint(address(a))
	base.need = ep.need()
	if refused := c.refuse(a, ep); refused != nil {
		s.refuse(a, base, refused)
		return nil
	}
	if a.Role == amqpwire.RoleSender {
		s.attachIn(a, base, ep)
	} else {
		s.attachOut(a, base, ep)
	}
	c.schedulePermissions()
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

// inLink is a link on which the client sends.
type inLink struct {
	linkBase
	sink          sink
	maxSize       int // bytes of an encoded message
	deliveryCount uint32
	credit        uint32
	partial       *incoming // a message of which more is to come
}

// sink takes the messages of an inLink, and returns their outcome.
type sink interface {
	accept(m incoming) amqpwire.DeliveryState
}

// incoming is an encoded message from a client.
type incoming struct {
	id      uint32
	format  uint32
	settled bool
	bytes   []byte
}

// linkCredit is how many messages a client may have under way on one link:
// what real hubs grant on $cbs.
const linkCredit uint32 = 100

func (s *session) attachIn(a *amqpwire.Attach, base linkBase, ep endpoint) {
	l := &inLink{linkBase: base}
	l.sink, l.maxSize = s.sink(ep)
	if a.InitialDeliveryCount != nil {
		l.deliveryCount = *a.InitialDeliveryCount
	}
	r := reply(a)
	r.MaxMessageSize = new(uint64(l.maxSize))
	s.links[a.Handle] = l
	s.send(r)
	l.grantCredit()
}

func (l *inLink) grantCredit() {
	l.credit = linkCredit
	f := l.session.newFlow()
	f.Handle, f.DeliveryCount, f.LinkCredit = new(l.handle), new(l.deliveryCount), new(l.credit)
	f.Available = new(uint32)
	l.session.send(f)
}

func (l *inLink) flow(f *amqpwire.Flow) {
	if f.Echo && !l.gone {
		l.grantCredit()
	}
}

func (l *inLink) end(bool) {}

// transfer takes in one frame of a message.
func (l *inLink) transfer(t *amqpwire.Transfer, payload []byte) {
	if l.gone {
		return
	}
	if l.partial == nil {
		if refused := l.start(t); refused != nil {
			l.detach(refused)
			return
		}
	}
	m := l.partial
	m.settled = m.settled || t.Settled
	switch {
	case t.Aborted:
		l.partial = nil
		l.count()
		return
	case len(m.bytes)+len(payload) > l.maxSize:
		l.detach(refusal(condTooLarge, codeTooLarge, "The message is larger than %d bytes.", l.maxSize))
		return
	}
	if m.bytes = append(m.bytes, payload...); t.More {
		return
	}
	l.partial = nil
	l.count()
	state := l.sink.accept(*m)
	if !m.settled {
		l.session.send(&amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: m.id, Settled: true, State: state})
	}
}

// start begins a new message.
func (l *inLink) start(t *amqpwire.Transfer) *amqpwire.Error {
	switch {
	case l.credit == 0:
		return protocolError(condTransferLimit, "A message was sent without credit.")
	case t.DeliveryID == nil:
		return protocolError(condNotAllowed, "The first transfer of a message has no delivery-id.")
	}
	l.partial = &incoming{id: *t.DeliveryID}
	if t.MessageFormat != nil {
		l.partial.format = *t.MessageFormat
	}
	return nil
}

// count uses up one credit, and grants more in time.
func (l *inLink) count() {
	l.deliveryCount++
	if l.credit--; l.credit <= linkCredit/2 {
		l.grantCredit()
	}
}

// schedulePermissions sets the timer to when the next link loses its
// permission.
func (c *conn) schedulePermissions() {
	var next time.Time
	for _, s := range c.sessions {
		for _, l := range s.links {
			end := c.permitted(l.base().need)
			if !end.IsZero() && (next.IsZero() || end.Before(next)) {
				next = end
			}
		}
	}
	if !next.IsZero() {
		c.renewal.Reset(time.Until(next))
	}
}

// checkPermissions detaches the links whose token has expired.
func (c *conn) checkPermissions() {
	for _, s := range c.sessions {
		for _, l := range s.links {
			if b := l.base(); !b.gone && c.permitted(b.need).IsZero() {
				l.end(true)
				b.detach(refusal(condUnauthorized, codeUnauthorized, "The token or certificate has expired."))
			}
		}
	}
	c.schedulePermissions()
}

// isLockLost tells the one failure of a settlement that has a condition of its
// own.
func lockLost(err error) *amqpwire.Error {
	if errors.Is(err, errLockLost) {
		return refusal(condLockLost, codeLockLost, "The lock of the message has run out.")
	}
	return refusal(condInternalError, codeInternal, "%v", err)
}
