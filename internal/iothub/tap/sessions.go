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
	peer     string            // the hub's container id
	sent     map[uint16]uint32 // our next-outgoing-id, by our channel
	channels map[uint16]uint16 // our channel, by the hub's
}

func newSessions() sessions {
	return sessions{sent: make(map[uint16]uint32), channels: make(map[uint16]uint16)}
}

func (s *sessions) container() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peer
}

// incoming takes note of a frame from the hub, and reports whether it completed
// it.
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
	case *amqpwire.Flow:
		if body.NextIncomingID == nil {
			body.NextIncomingID = new(s.sent[s.channels[f.Channel]])
			return true
		}
	}
	return false
}

// outgoing takes note of a frame that we send: of its performative, and of all
// of it where that is begin.
func (s *sessions) outgoing(performative byte, channel uint16, whole []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch performative {
	case codeTransfer:
		s.sent[channel]++
	case codeBegin:
		f, err := amqpwire.DecodeFrame(whole)
		if begin, ok := f.Body.(*amqpwire.Begin); err == nil && ok {
			s.sent[channel] = begin.NextOutgoingID
		}
	}
}
