package localhub

import (
	"sync/atomic"

	"iothub-c2d/internal/amqpwire"
)

// outLink is a link on which the hub sends.
type outLink struct {
	linkBase
	source        source
	settled       bool // the client wants messages that are settled already
	deliveryCount uint32
	credit        uint32
	drain         bool
	sending       *sending // a message that the session's window cut short

	stop      func()      // ends the link's hold on its source
	displaced atomic.Bool // another link has taken the source over
}

// source is where an outLink takes its messages from.
type source interface {
	// next returns the next message, locked, if there is one now.
	next() (m *amqpwire.Message, token lockToken, ok bool)
	// empty reports whether there is none.
	empty() bool
	settle(lockToken, settlement) error
	// release gives deliveries back as if they had not been.
	release([]lockToken)
}

// sending is what is left of a message.
type sending struct {
	transfer amqpwire.Transfer // of the next frame
	token    lockToken
	payload  []byte
}

func (s *session) attachOut(a *amqpwire.Attach, base linkBase, ep endpoint) {
	l := &outLink{linkBase: base}
	l.settled = a.SndSettleMode != nil && *a.SndSettleMode == amqpwire.SenderSettled
	r := reply(a)
	r.MaxMessageSize = new(uint64(maxMessage))
	s.links[a.Handle] = l
	s.send(r)
	// From here on the source may wake the owner.
	l.source, l.stop = s.source(ep, l)
}

// displace tells the link, from any goroutine, that another has taken over.
func (l *outLink) displace() {
	l.displaced.Store(true)
	l.session.conn.nudge()
}

// flow takes over the credit that the client grants (part 2 §2.6.7).
func (l *outLink) flow(f *amqpwire.Flow) {
	if f.LinkCredit != nil {
		var counted uint32
		if f.DeliveryCount != nil {
			counted = *f.DeliveryCount
		}
		l.credit = left(*f.LinkCredit, counted, l.deliveryCount)
	}
	l.drain = f.Drain
	l.pump()
	if f.Echo && !l.gone {
		l.sendFlow()
	}
}

func (l *outLink) sendFlow() {
	f := l.session.newFlow()
	f.Handle, f.DeliveryCount, f.LinkCredit = new(l.handle), new(l.deliveryCount), new(l.credit)
	f.Available, f.Drain = new(uint32), l.drain
	l.session.send(f)
}

// pump sends while there are messages, credit and room in the session's
// window.
func (l *outLink) pump() {
	if l.gone {
		return
	}
	if l.displaced.Load() {
		l.end(true)
		l.detach(refusal(condStolen, codeLinkConflict, "Another receiver has connected for this device."))
		return
	}
	for l.session.remoteWindow > 0 && (l.sending != nil || l.fetch()) {
		l.sendPart()
	}
	if l.drain && l.sending == nil && (l.session.remoteWindow > 0 || l.credit == 0 || l.source.empty()) {
		// Nothing is left to send: the rest of the credit is used up (§2.6.7).
		l.deliveryCount += l.credit
		l.credit = 0
		l.sendFlow()
		l.drain = false
	}
}

// fetch takes the next message from the source.
func (l *outLink) fetch() bool {
	if l.credit == 0 {
		return false
	}
	m, token, ok := l.source.next()
	if !ok {
		return false
	}
	payload, err := m.Append(nil)
	if err != nil { // it was decoded before, or made here: cannot happen
		l.session.conn.log.Error("message not encoded", "error", err)
		_ = l.source.settle(token, reject)
		return false
	}
	l.hasten(token)
	s := l.session
	l.sending = &sending{
		transfer: amqpwire.Transfer{
			Handle:        l.handle,
			DeliveryID:    new(s.nextDeliveryID),
			DeliveryTag:   token[:],
			MessageFormat: new(uint32),
			Settled:       l.settled,
		},
		token:   token,
		payload: payload,
	}
	if !l.settled {
		s.unsettled[s.nextDeliveryID] = delivery{l, token}
	}
	s.nextDeliveryID++
	l.deliveryCount++
	l.credit--
	return true
}

// transferOverhead is more than the frame header and transfer performative
// ever take, in bytes.
const transferOverhead = 64

// sendPart sends as much of the message as one frame takes.
func (l *outLink) sendPart() {
	s, m := l.session, l.sending
	room := l.session.conn.peerFrameSize() - transferOverhead
	t := m.transfer
	part := m.payload
	if t.More = len(part) > room; t.More {
		part = part[:room]
	}
	s.conn.send(s.channel, &t, part)
	s.nextOutgoingID++
	s.remoteWindow--
	if t.More {
		m.payload = m.payload[room:]
		m.transfer = amqpwire.Transfer{Handle: l.handle, Settled: l.settled}
		return
	}
	l.sending = nil
	if l.settled {
		_ = l.source.settle(m.token, complete) // a lock this young is not lost
	}
}

// dispose carries out what the client says of one delivery, and reports
// whether that was its last word.
func (l *outLink) dispose(id uint32, token lockToken, d *amqpwire.Disposition) (last bool) {
	wanted, ok := settlementOf(d.State)
	if !ok {
		// Settled without an outcome: the message is out of the client's hands, but
		// only its lock can bring it back.
		return d.Settled
	}
	err := l.source.settle(token, wanted)
	if err != nil {
		l.session.conn.log.Info("settlement refused", "link", l.name, "reason", err.Error())
	}
	if !d.Settled && !l.unanswered() {
		l.answer(id, err)
	}
	return true
}

// answer settles a delivery whose receiver waits for the hub's word
// (rcv-settle-mode second). The state is the result of the request: accepted
// also for an abandon or a reject that was carried out.
func (l *outLink) answer(id uint32, err error) {
	var state amqpwire.DeliveryState = &amqpwire.Accepted{}
	if err != nil {
		state = &amqpwire.Rejected{Error: lockLost(err)}
	}
	l.session.send(&amqpwire.Disposition{Role: amqpwire.RoleSender, First: id, Settled: true, State: state})
}

// settlementOf translates an outcome. A modified message is abandoned or, if
// it is not wanted here, rejected; without either it goes back uncounted.
func settlementOf(state amqpwire.DeliveryState) (s settlement, ok bool) {
	switch state := state.(type) {
	case *amqpwire.Accepted:
		return complete, true
	case *amqpwire.Rejected:
		return reject, true
	case *amqpwire.Released:
		return abandon, true
	case *amqpwire.Modified:
		switch {
		case state.UndeliverableHere:
			return reject, true
		case state.DeliveryFailed:
			return abandon, true
		}
		return release, true
	}
	return 0, false
}

// end gives back the messages in the client's hands if it is cleanly over.
func (l *outLink) end(clean bool) {
	if l.stop == nil {
		return
	}
	l.stop()
	l.stop = nil
	var held []lockToken
	if l.sending != nil && l.settled {
		held = append(held, l.sending.token) // it was cut short
	}
	l.sending = nil
	for id, d := range l.session.unsettled {
		if d.link == l {
			delete(l.session.unsettled, id)
			held = append(held, d.token)
		}
	}
	if clean {
		l.source.release(held)
	}
}

// peerFrameSize returns the largest frame that the client takes, in bytes.
func (c *conn) peerFrameSize() int {
	size := c.manners.maxFrameSize
	if c.peer.MaxFrameSize != nil {
		size = min(size, max(*c.peer.MaxFrameSize, amqpwire.MinMaxFrameSize))
	}
	return int(size)
}
