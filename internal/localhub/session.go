package localhub

import "iothub-c2d/internal/amqpwire"

// incomingWindow is how many transfers a client may send before the hub says
// more: what real hubs grant.
const incomingWindow uint32 = 5000

// handleMax is the highest link handle, as real hubs announce it.
const handleMax uint32 = 262143

// session is one session of a connection (AMQP 1.0 part 2 §2.5).
type session struct {
	conn    *conn
	channel uint16
	links   map[uint32]link // by handle, the same in both directions
	replies replies         // of $cbs

	nextIncomingID uint32 // of the client's next transfer
	received       uint32 // transfers since the window was last announced: at most half of it

	nextOutgoingID uint32 // of our next transfer
	remoteWindow   uint32 // transfers that the client will take
	nextDeliveryID uint32
	unsettled      map[uint32]delivery // ours, by delivery id

	ended bool // by the hub; the client has not answered yet
}

// delivery is a message on its way to the client.
type delivery struct {
	link  *outLink
	token lockToken
}

func (c *conn) begin(channel uint16, b *amqpwire.Begin) error {
	if c.sessions[channel] != nil {
		return protocolError(condNotAllowed, "There is a session on channel %d already.", channel)
	}
	s := &session{
		conn:           c,
		channel:        channel,
		links:          make(map[uint32]link),
		nextIncomingID: b.NextOutgoingID,
		nextOutgoingID: 1,
		replies:        replies{conn: c},
		remoteWindow:   b.IncomingWindow,
		unsettled:      make(map[uint32]delivery),
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

func (s *session) send(body amqpwire.Performative) { s.conn.send(s.channel, body, nil) }

// handle acts on a frame of this session. An *amqpwire.Error ends the session,
// any other error the connection.
func (s *session) handle(f amqpwire.Frame) error {
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
		return protocolError(condNotAllowed, "Unexpected %T.", body)
	}
	return nil
}

// end ends the session for a reason of the hub's. The channel stays taken
// until the client answers.
func (s *session) end(reason *amqpwire.Error) {
	s.conn.log.Info("session ended", "condition", string(reason.Condition), "reason", explain(reason))
	s.dropAll(false)
	s.ended = true
	s.send(&amqpwire.End{Error: reason})
}

// endedByClient ends the session as the client asked, or takes note that it
// has understood ours.
func (s *session) endedByClient(e *amqpwire.End) {
	if e.Error != nil {
		s.conn.log.Info("session ended by the client", "reason", e.Error.Error())
	}
	s.dropAll(true)
	delete(s.conn.sessions, s.channel)
	if !s.ended {
		s.send(&amqpwire.End{})
	}
}

func (s *session) dropAll(clean bool) {
	for _, l := range s.links {
		s.drop(l, clean)
	}
	s.replies.drop()
}

// drop forgets a link. clean says that the client detached it in good order.
func (s *session) drop(l link, clean bool) {
	l.end(clean)
	delete(s.links, l.base().handle)
	s.conn.links--
}

// flow takes over the client's view of the windows and, if it names a link,
// the link's credit (part 2 §2.5.6).
func (s *session) flow(f *amqpwire.Flow) error {
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
			return protocolError(condUnattachedHandle, "There is no link with handle %d.", *f.Handle)
		}
		l.flow(f)
	case f.Echo:
		s.send(s.newFlow())
	}
	if shut {
		s.pump() // the window is the session's, whichever link the flow is about
	}
	return nil
}

// left returns what is left of a grant that the client made when it had seen
// the serial number seen, now that the hub has got to sent. The difference of
// serial numbers is signed; the grant is not, and may be all of 2^32-1.
func left(granted, seen, sent uint32) uint32 {
	used := uint32(max(int32(sent-seen), 0))
	return granted - min(granted, used)
}

// newFlow returns a flow with the session's part filled in, in the manner of
// the gateway.
func (s *session) newFlow() *amqpwire.Flow {
	s.received = 0
	f := &amqpwire.Flow{
		IncomingWindow: incomingWindow,
		NextOutgoingID: s.nextOutgoingID,
		OutgoingWindow: s.remoteWindow,
	}
	if !s.conn.manners.omitNextIncoming {
		f.NextIncomingID = new(s.nextIncomingID)
	}
	return f
}

// transfer takes in a message, or a part of one.
func (s *session) transfer(t *amqpwire.Transfer, payload []byte) error {
	s.nextIncomingID++
	s.received++
	switch l := s.links[t.Handle].(type) {
	case *inLink:
		l.transfer(t, payload)
	case *refusedLink:
	default:
		return protocolError(condUnattachedHandle, "There is no link to receive on with handle %d.", t.Handle)
	}
	if s.received >= incomingWindow/2 {
		s.send(s.newFlow())
	}
	return nil
}

// pump lets the links send what they can, in no particular order.
func (s *session) pump() {
	for _, l := range s.links {
		if out, ok := l.(*outLink); ok {
			out.pump()
		}
	}
}

// detached answers the client's detach.
func (s *session) detached(d *amqpwire.Detach) error {
	l := s.links[d.Handle]
	if l == nil {
		return protocolError(condUnattachedHandle, "There is no link with handle %d.", d.Handle)
	}
	if d.Error != nil {
		s.conn.log.Info("link detached by the client", "link", l.base().name, "reason", d.Error.Error())
	}
	s.drop(l, true)
	if !l.base().gone {
		s.send(&amqpwire.Detach{Handle: d.Handle, Closed: d.Closed})
	}
	return nil
}
