package amqpserver

import (
	"iter"

	"iothub-c2d/internal/amqpwire"
)

// incomingWindow is how many transfers a client may send before the server says
// more: what IoT Hub grants.
const incomingWindow uint32 = 5000

// handleMax is the highest link handle, as IoT Hub announces it.
const handleMax uint32 = 262143

// Session is one session of a connection (AMQP 1.0 part 2 §2.5). Its methods
// are for the owner goroutine.
type Session struct {
	conn    *Conn
	channel uint16
	links   map[uint32]*Link // by handle, the same in both directions
	onEnd   []func()

	nextIncomingID uint32 // of the client's next transfer
	received       uint32 // transfers since the window was last announced: at most half of it

	nextOutgoingID uint32 // of our next transfer
	remoteWindow   uint32 // transfers that the client will take
	nextDeliveryID uint32
	unsettled      map[uint32]*sender // deliveries of ours, by delivery id
	stalled        []*sender          // links that found the client's window shut, each of them once

	ended bool // by the server; the client has not answered yet
}

func (c *Conn) begin(channel uint16, b *amqpwire.Begin) error {
	if c.sessions[channel] != nil {
		return Errorf(CondNotAllowed, "There is a session on channel %d already.", channel)
	}
	if refused := c.Hold(sessionCost); refused != nil {
		return refused
	}
	s := &Session{
		conn:           c,
		channel:        channel,
		links:          make(map[uint32]*Link),
		nextIncomingID: b.NextOutgoingID,
		nextOutgoingID: 1,
		remoteWindow:   b.IncomingWindow,
		unsettled:      make(map[uint32]*sender),
	}
	c.sessions[channel] = s
	s.send(&amqpwire.Begin{
		RemoteChannel:  new(channel),
		NextOutgoingID: s.nextOutgoingID,
		IncomingWindow: incomingWindow,
		OutgoingWindow: b.IncomingWindow,
		HandleMax:      new(handleMax),
	})
	return nil
}

// send sends a frame, unless the session has ended.
func (s *Session) send(body amqpwire.Performative) {
	if !s.ended {
		s.conn.send(s.channel, body, nil)
	}
}

// handle acts on a frame of this session. An *amqpwire.Error ends the session,
// any other error the connection.
func (s *Session) handle(f amqpwire.Frame) error {
	if _, isEnd := f.Body.(*amqpwire.End); s.ended && !isEnd {
		return nil // it crossed our end on its way
	}
	switch body := f.Body.(type) {
	case *amqpwire.Attach:
		return s.attach(body)
	case *amqpwire.Flow:
		return s.flow(body)
	case *amqpwire.Transfer:
		return s.transfer(body, f.Payload)
	case *amqpwire.Disposition:
		s.disposition(body)
	case *amqpwire.Detach:
		return s.detached(body)
	case *amqpwire.End:
		s.endedByClient(body)
	default:
		return Errorf(CondNotAllowed, "Unexpected %T.", body)
	}
	return nil
}

// Conn returns the session's connection.
func (s *Session) Conn() *Conn { return s.conn }

// Links returns the attached links, in no particular order.
func (s *Session) Links() iter.Seq[*Link] {
	return func(yield func(*Link) bool) {
		for _, l := range s.links {
			if !l.Gone() && !yield(l) {
				return
			}
		}
	}
}

// OnEnd has f called when the session has ended, after its links have. That
// is at the end of the connection, if not before.
func (s *Session) OnEnd(f func()) { s.onEnd = append(s.onEnd, f) }

// over calls the functions of OnEnd, once.
func (s *Session) over() {
	for _, f := range s.onEnd {
		f()
	}
	s.onEnd = nil
}

// End ends the session for a reason, which must not be nil. Messages in the
// client's hands are not given back. The channel stays taken until the client
// answers.
func (s *Session) End(reason *amqpwire.Error) {
	if s.ended {
		return
	}
	s.conn.log.Info("session ended", "condition", string(reason.Condition), "reason", s.conn.explain(reason))
	s.dropAll(false)
	s.send(&amqpwire.End{Error: reason})
	s.ended = true
}

// endedByClient ends the session as the client asked, or takes note that it
// has understood ours.
func (s *Session) endedByClient(e *amqpwire.End) {
	if e.Error != nil {
		why := briefError(e.Error)
		s.conn.log.Info("session ended by the client", "reason", why.Error())
		for l := range s.Links() {
			l.lost(why)
		}
	}
	s.dropAll(true)
	delete(s.conn.sessions, s.channel)
	s.conn.Free(sessionCost)
	s.send(&amqpwire.End{})
	s.ended = true
}

func (s *Session) dropAll(clean bool) {
	for _, l := range s.links {
		s.drop(l, clean)
	}
	s.over()
}

// drop forgets a link. clean says that it ends in good order.
func (s *Session) drop(l *Link, clean bool) {
	l.finish(clean)
	delete(s.links, l.handle)
	s.conn.links--
	s.conn.Free(l.cost)
}

// look lets the links send what they can, in no particular order.
func (s *Session) look() {
	for l := range s.Links() {
		l.look()
	}
}

// transfer takes in a message, or a part of one.
func (s *Session) transfer(t *amqpwire.Transfer, payload []byte) error {
	s.nextIncomingID++
	s.received++
	l := s.links[t.Handle]
	if l == nil || l.sender != nil {
		return Errorf(CondUnattachedHandle, "There is no link to receive on with handle %d.", t.Handle)
	}
	if !l.Gone() {
		l.receiver.transfer(t, payload)
	}
	if s.received >= incomingWindow/2 {
		s.send(s.newFlow())
	}
	return nil
}

// detached answers the client's detach.
func (s *Session) detached(d *amqpwire.Detach) error {
	l := s.links[d.Handle]
	if l == nil {
		return Errorf(CondUnattachedHandle, "There is no link with handle %d.", d.Handle)
	}
	if d.Error != nil {
		why := briefError(d.Error)
		s.conn.log.Info("link detached by the client", "link", brief(l.name), "reason", why.Error())
		l.lost(why)
	}
	s.drop(l, true)
	if !l.detached {
		s.send(&amqpwire.Detach{Handle: d.Handle, Closed: d.Closed})
	}
	return nil
}
