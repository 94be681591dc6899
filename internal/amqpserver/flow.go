package amqpserver

import "iothub-c2d/internal/amqpwire"

// flow takes over the client's view of the windows and, if it names a link,
// the link's credit (part 2 §2.5.6).
func (s *Session) flow(f *amqpwire.Flow) error {
	next := uint32(1) // the initial value of our next-outgoing-id
	if f.NextIncomingID != nil {
		next = *f.NextIncomingID
	}
	shut := s.remoteWindow == 0
	s.remoteWindow = left(f.IncomingWindow, next, s.nextOutgoingID)
	switch {
	case f.Handle != nil:
		l := s.links[*f.Handle]
		if l == nil {
			return Errorf(CondUnattachedHandle, "There is no link with handle %d.", *f.Handle)
		}
		l.flow(f)
	case f.Echo:
		s.send(s.newFlow())
	}
	if shut {
		s.resume() // the window is the session's, whichever link the flow is about
	}
	return nil
}

// resume lets the links go on that found the window shut, one after the other, until
// it is shut again.
func (s *Session) resume() {
	for s.remoteWindow > 0 && len(s.stalled) > 0 {
		e := s.stalled[0]
		s.stalled = s.stalled[1:]
		e.stalled = false
		e.look()
	}
}

// left returns what is left of a grant that the client made when it had seen
// the serial number seen, now that the server has got to sent. The difference of
// serial numbers is signed; the grant is not, and may be all of 2^32-1.
func left(granted, seen, sent uint32) uint32 {
	used := uint32(max(int32(sent-seen), 0))
	return granted - min(granted, used)
}

// newFlow returns a flow with the session's part filled in.
func (s *Session) newFlow() *amqpwire.Flow {
	s.received = 0
	f := &amqpwire.Flow{
		IncomingWindow: incomingWindow,
		NextOutgoingID: s.nextOutgoingID,
		OutgoingWindow: s.remoteWindow,
	}
	if !s.conn.options.OmitNextIncomingID {
		f.NextIncomingID = new(s.nextIncomingID)
	}
	return f
}

// flowOf returns a flow about a link as well.
func (l *Link) flowOf(deliveryCount, credit uint32) *amqpwire.Flow {
	f := l.session.newFlow()
	f.Handle, f.DeliveryCount, f.LinkCredit = new(l.handle), new(deliveryCount), new(credit)
	f.Available = new(uint32)
	return f
}

// flow takes over the client's view of the link.
func (l *Link) flow(f *amqpwire.Flow) {
	switch {
	case l.Gone():
	case l.sender != nil:
		l.sender.flow(f)
	case f.Echo:
		l.receiver.grantCredit()
	}
}
