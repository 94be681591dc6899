package tap

import (
	"sync"

	"iothub-c2d/internal/amqpwire"
)

// sessions follows the sessions of a connection, and rewrites what the hub sends
// on them.
//
//   - Flow frames are completed. The gateway of newer hubs ("v2") sends them
//     without next-incoming-id. AMQP 1.0 part 2 §2.7.4 demands it once a session
//     has begun, and go-amqp ends the session over it (Azure/go-amqp#326), so that
//     a program cannot send at all. The field is set to the id that follows the
//     transfers we have sent: then the window that the hub grants is the window
//     that go-amqp uses.
//   - Dispositions are cut to what waits for them: see [deliveries].
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
	// settleFirst are the links that the hub has attached for us to receive from, in
	// rcv-settle-mode first (part 2 §2.7.3).
	settleFirst map[string]bool

	deliveries deliveries
}

func newSessions() sessions {
	return sessions{ours: make(map[uint16]*session), channels: make(map[uint16]uint16)}
}

func newSession(nextOutgoingID uint32) *session {
	return &session{nextOutgoingID: nextOutgoingID, deliveries: newDeliveries()}
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
		if session.settleFirst[link] {
			return true
		}
	}
	return false
}

// incoming takes note of a frame from the hub. If the frame is not to be passed
// on as it is, it returns true, and what is to be passed on in its place.
func (s *sessions) incoming(f amqpwire.Frame) (instead []amqpwire.Performative, replaced bool) {
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
			return []amqpwire.Performative{body}, true
		}
	case *amqpwire.Disposition:
		return s.of(f.Channel).deliveries.answered(body), true
	case *amqpwire.End:
		delete(s.ours, s.channels[f.Channel])
		delete(s.channels, f.Channel)
	}
	return nil, false
}

// usual does what [deliveries.usual] does, for a channel of the hub's.
func (s *sessions) usual(channel uint16, frame []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of(channel).deliveries.usual(frame)
}

// of returns the session on a channel of the hub's. Called with mu held.
func (s *sessions) of(channel uint16) *session {
	if ours, ok := s.ours[s.channels[channel]]; ok {
		return ours
	}
	return newSession(0) // the hub has not begun it: go-amqp's to refuse
}

// attached takes note of the hub's answer to our attach. A hub that refuses a link
// answers without a source first, and detaches it then.
func (s *session) attached(a *amqpwire.Attach) {
	if a.Role != amqpwire.RoleSender || a.Source == nil || a.RcvSettleMode != nil && *a.RcvSettleMode != amqpwire.ReceiverFirst {
		return
	}
	if s.settleFirst == nil || len(s.settleFirst) >= maxSettleFirst {
		s.settleFirst = make(map[string]bool)
	}
	s.settleFirst[a.Name] = true
}

// maxSettleFirst bounds the links that are known to settle first. It is asked when a
// link has been attached, and more are not attached at once.
const maxSettleFirst = 256

// outgoing takes note of a frame that we send. See outScanner for how much of it
// b has.
func (s *sessions) outgoing(performative byte, channel uint16, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if performative == codeBegin {
		if f, err := amqpwire.DecodeFrame(b); err == nil { // go-amqp makes no others
			if begin, ok := f.Body.(*amqpwire.Begin); ok {
				s.ours[channel] = newSession(begin.NextOutgoingID)
			}
		}
		return
	}
	ours, ok := s.ours[channel]
	switch {
	case !ok:
	case performative == codeTransfer:
		ours.nextOutgoingID++
		ours.deliveries.sent(b)
	case performative == codeDisposition:
		ours.deliveries.settling(b)
	}
}
