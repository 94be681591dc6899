package localhub

import "iothub-c2d/internal/amqpwire"

// inLink is a link on which the client sends.
type inLink struct {
	linkBase
	sink          sink
	maxSize       int // bytes of an encoded message
	deliveryCount uint32
	credit        uint32
	withheld      bool      // the credit is, on purpose
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
	if l.withheld = l.miserly(); !l.withheld {
		l.grantCredit()
	}
}

func (l *inLink) grantCredit() {
	l.credit = linkCredit
	f := l.session.newFlow()
	f.Handle, f.DeliveryCount, f.LinkCredit = new(l.handle), new(l.deliveryCount), new(l.credit)
	f.Available = new(uint32)
	l.session.send(f)
}

func (l *inLink) flow(f *amqpwire.Flow) {
	if f.Echo && !l.gone && !l.withheld {
		l.grantCredit()
	}
}

func (l *inLink) end(bool) { l.discard() }

// maxPartial bounds the messages of which more is to come on one connection, in
// bytes: on one link they may be as long as it takes, but not on all at once.
const maxPartial = 8 << 20

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
	if refused := l.add(t, payload); refused != nil {
		l.discard()
		l.detach(refused)
		return
	}
	if t.More && !t.Aborted {
		return
	}
	l.discard()
	l.count()
	if t.Aborted {
		return
	}
	state, answer := l.accept(*m)
	if answer && !m.settled {
		l.session.send(&amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: m.id, Settled: true, State: state})
	}
}

// add takes one more part of the message that has begun.
func (l *inLink) add(t *amqpwire.Transfer, payload []byte) *amqpwire.Error {
	m, c := l.partial, l.session.conn
	switch {
	case t.DeliveryID != nil && *t.DeliveryID != m.id:
		return protocolError(condNotAllowed, "Delivery %d began before delivery %d had ended.", *t.DeliveryID, m.id)
	case t.Aborted:
		return nil
	case len(m.bytes)+len(payload) > l.maxSize:
		return refusal(condTooLarge, codeTooLarge, "The message is larger than %d bytes.", l.maxSize)
	case c.partial+len(payload) > maxPartial:
		return protocolError(condLimitExceeded, "More than %d bytes of unfinished messages are on this connection.", maxPartial)
	}
	m.settled = m.settled || t.Settled
	m.bytes = append(m.bytes, payload...)
	c.partial += len(payload)
	return nil
}

// discard forgets the message that has begun, if one has.
func (l *inLink) discard() {
	if l.partial != nil {
		l.session.conn.partial -= len(l.partial.bytes)
		l.partial = nil
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
