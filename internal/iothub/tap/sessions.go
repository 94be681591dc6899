package tap

import (
	"sync"

	"iothub-c2d/internal/amqpwire"
)

// sessions follows the sessions of a connection, and completes the flow frames
// of newer hubs.
//
// Their gateway ("v2") sends flow frames without next-incoming-id. AMQP 1.0
// part 2 §2.7.4 demands it once a session has begun, and go-amqp ends the
// session over it (Azure/go-amqp#326), so that a program cannot send at all.
// The field is set to the id that follows the transfers we have sent: then the
// window that the hub grants is the window that go-amqp uses.
//
// The reading and the writing goroutines share it, under mu.
type sessions struct {
	mu       sync.Mutex
	peer     string              // the hub's container id
	ours     map[uint16]*session // by our channel
	channels map[uint16]uint16   // our channel, by the hub's
}

// session is what is known of one session.
type session struct {
	nextOutgoingID uint32
	// receiver is the last link that the hub has attached for us to receive from,
	// with the mode that the hub has answered (part 2 §2.7.3).
	receiver     string
	settlesFirst bool
}

func newSessions() sessions {
	return sessions{ours: make(map[uint16]*session), channels: make(map[uint16]uint16)}
}

func (s *sessions) container() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peer
}

func (s *sessions) settlesFirst(link string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.ours {
		if session.receiver == link {
			return session.settlesFirst
		}
	}
	return false
}

// incoming takes note of a frame from the hub, and reports whether it has
// rewritten it.
func (s *sessions) incoming(f amqpwire.Frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch body := f.Body.(type) {
	case *amqpwire.Open:
		s.peer = body.ContainerID
	case *amqpwire.Begin:
		if body.RemoteChannel != nil {
			s.channels[f.Channel] = *body.RemoteChannel
		}
	case *amqpwire.Attach:
		s.of(f.Channel).attached(body)
	case *amqpwire.Flow:
		if body.NextIncomingID == nil {
			body.NextIncomingID = new(s.of(f.Channel).nextOutgoingID)
			return true
		}
	case *amqpwire.End:
		delete(s.ours, s.channels[f.Channel])
		delete(s.channels, f.Channel)
	}
	return false
}

// of returns the session on a channel of the hub's. Called with mu held.
func (s *sessions) of(channel uint16) *session {
	if ours, ok := s.ours[s.channels[channel]]; ok {
		return ours
	}
	return new(session) // the hub has not begun it: go-amqp's to refuse
}

// attached takes note of the hub's answer to our attach. A hub that refuses a
// link answers without a source first, and detaches it then.
func (s *session) attached(a *amqpwire.Attach) {
	if a.Role == amqpwire.RoleSender && a.Source != nil {
		s.receiver = a.Name
		s.settlesFirst = a.RcvSettleMode == nil || *a.RcvSettleMode == amqpwire.ReceiverFirst
	}
}

// outgoing takes note of a frame that we send: of its performative, and of all
// of it where that is begin.
func (s *sessions) outgoing(performative byte, channel uint16, whole []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch performative {
	case codeTransfer:
		if ours, ok := s.ours[channel]; ok {
			ours.nextOutgoingID++
		}
	case codeBegin:
		f, err := amqpwire.DecodeFrame(whole)
		if begin, ok := f.Body.(*amqpwire.Begin); err == nil && ok {
			s.ours[channel] = &session{nextOutgoingID: begin.NextOutgoingID}
		}
	}
}
