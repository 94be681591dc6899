package amqpserver

import (
	"maps"
	"slices"

	"iothub-c2d/internal/amqpwire"
)

// sender is the server's part in a link on which the client receives.
type sender struct {
	*Link
	source        Source
	settled       bool // the client wants messages that are settled already
	deliveryCount uint32
	credit        uint32
	drain         bool
	stalled       bool                // it is among the session's
	unsettled     map[uint32]delivery // by id
	sending       sending             // the message that goes out now
}

// delivery is a message in the client's hands.
type delivery struct {
	tag      []byte
	disposed bool // the client has said what it thinks; the answer comes later
}

// sending is what is left of a message.
type sending struct {
	transfer *amqpwire.Transfer // of the next frame; nil: there is no message
	tag      []byte
	payload  []byte
	held     int // bytes of the whole message, which the connection holds
}

// serve makes the link one on which the client receives, and completes the
// answer r, or returns why it must not.
func (l *Link) serve(a, r *amqpwire.Attach) *amqpwire.Error {
	source, refused := l.session.conn.handler.Source(l, a)
	if refused != nil {
		return refused
	}
	e := &sender{Link: l, source: source, unsettled: make(map[uint32]delivery)}
	e.settled = a.SndSettleMode != nil && *a.SndSettleMode == amqpwire.SenderSettled
	l.sender = e
	if s, ok := source.(interface{ MaxMessageSize() int }); ok {
		r.MaxMessageSize = new(uint64(s.MaxMessageSize()))
	}
	return nil
}

// flow takes over the credit that the client grants (part 2 §2.6.7).
func (e *sender) flow(f *amqpwire.Flow) {
	if f.LinkCredit != nil {
		var counted uint32
		if f.DeliveryCount != nil {
			counted = *f.DeliveryCount
		}
		e.credit = left(*f.LinkCredit, counted, e.deliveryCount)
	}
	e.drain = f.Drain
	e.look()
	if f.Echo && !e.Gone() {
		e.sendFlow()
	}
}

func (e *sender) sendFlow() {
	f := e.flowOf(e.deliveryCount, e.credit)
	f.Drain = e.drain
	e.send(f)
}

// pump sends while there are messages, credit and room in the session's
// window.
func (e *sender) pump() {
	for !e.Gone() && e.session.remoteWindow > 0 && (e.sending.transfer != nil || e.fetch()) {
		e.sendPart()
	}
	if s := e.session; s.remoteWindow == 0 && !e.stalled && !e.Gone() {
		e.stalled = true
		s.stalled = append(s.stalled, e)
	}
	if e.drain && !e.Gone() && e.idle() {
		// Nothing is left to send: the rest of the credit is used up (§2.6.7).
		e.deliveryCount += e.credit
		e.credit = 0
		e.sendFlow()
		e.drain = false
	}
}

// idle reports whether there is nothing that the client's credit could still be
// used for. A message that waits for the session's window is something.
func (e *sender) idle() bool {
	return e.sending.transfer == nil && (e.session.remoteWindow > 0 || e.credit == 0 || e.source.Empty())
}

// maxUnsettled bounds the deliveries that one connection has to settle; the next
// message waits for one of them.
const maxUnsettled = 100_000

// first is the transfer of a delivery's first frame and what it points to.
type first struct {
	amqpwire.Transfer
	id, format uint32
}

// fetch takes the next message from the source.
func (e *sender) fetch() bool {
	if e.credit == 0 || e.session.conn.unsettled >= maxUnsettled {
		return false
	}
	m, ok := e.source.Next()
	if !ok || e.Gone() {
		return false
	}
	s := e.session
	t := &first{id: s.nextDeliveryID, format: m.Format}
	t.Transfer = amqpwire.Transfer{
		Handle:        e.handle,
		DeliveryID:    &t.id,
		DeliveryTag:   m.Tag,
		MessageFormat: &t.format,
		Settled:       e.settled,
	}
	e.sending = sending{transfer: &t.Transfer, tag: m.Tag, payload: m.Payload}
	if !e.settled {
		s.unsettled[t.id] = e
		e.unsettled[t.id] = delivery{tag: m.Tag}
		s.conn.unsettled++
	}
	s.nextDeliveryID++
	e.deliveryCount++
	e.credit--
	if refused := s.conn.Hold(len(m.Payload)); refused != nil {
		e.Detach(refused)
		return false
	}
	e.sending.held = len(m.Payload)
	return true
}

// sent forgets the message that goes out.
func (e *sender) sent() {
	e.session.conn.Free(e.sending.held)
	e.sending = sending{}
}

// transferOverhead is more than the frame header and the transfer performative
// ever take, without the delivery tag, in bytes.
const transferOverhead = 48

// sendPart sends as much of the message as one frame takes.
func (e *sender) sendPart() {
	s, m := e.session, &e.sending
	room := s.conn.peerFrameSize - transferOverhead - len(m.tag)
	part := m.payload
	if len(part) > room {
		m.transfer.More = true
		part = part[:room]
	}
	s.conn.send(s.channel, m.transfer, part)
	s.nextOutgoingID++
	s.remoteWindow--
	if m.transfer.More {
		m.payload = m.payload[room:]
		m.transfer = &amqpwire.Transfer{Handle: e.handle, Settled: e.settled}
		return
	}
	tag := m.tag
	e.sent()
	if e.settled {
		e.settle(Settlement{Tag: tag, Outcome: &amqpwire.Accepted{}})
	}
}

// settle passes on what is said of a delivery, and returns the answer.
func (e *sender) settle(s Settlement) amqpwire.DeliveryState {
	s.sender = e
	answer := e.source.Settle(s)
	if answer == Later {
		e.session.conn.debt.add(0)
	}
	return answer
}

// dispose carries out what the client says of one delivery.
func (e *sender) dispose(id uint32, d *amqpwire.Disposition) {
	about := e.unsettled[id]
	switch {
	case about.disposed:
		return
	case !isOutcome(d.State):
		if d.Settled {
			// The message is out of the client's hands, but only the source can bring it
			// back.
			e.forget(id)
		}
		return
	}
	switch answer := e.settle(Settlement{Tag: about.tag, Outcome: d.State, Waits: !d.Settled, id: id}); answer {
	case nil:
	case Later:
		about.disposed = true
		e.unsettled[id] = about
	default:
		e.answer(result{state: answer, id: id, waits: !d.Settled})
	}
}

// forget ends a delivery, if it has not ended already.
func (e *sender) forget(id uint32) {
	if _, open := e.unsettled[id]; !open {
		return
	}
	delete(e.session.unsettled, id)
	delete(e.unsettled, id)
	c := e.session.conn
	if c.unsettled == maxUnsettled {
		c.Wake() // links may wait for this
	}
	c.unsettled--
}

// finish gives back the messages in the client's hands if it is cleanly over.
func (e *sender) finish(clean bool) {
	var held [][]byte
	for _, id := range slices.Sorted(maps.Keys(e.unsettled)) {
		if d := e.unsettled[id]; !d.disposed {
			held = append(held, d.tag)
		}
		e.forget(id)
	}
	if e.sending.transfer != nil && e.settled {
		held = append(held, e.sending.tag) // it was cut short
	}
	e.sent()
	if s := e.session; e.stalled {
		s.stalled = slices.DeleteFunc(s.stalled, func(other *sender) bool { return other == e })
	}
	if clean && len(held) > 0 {
		e.source.Release(held)
	}
	e.source.Close()
}
