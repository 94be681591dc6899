package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/faultnet"
)

// fakeHub is a hub that answers as a test says, and whose queue of feedback is of
// another kind than the local hub's.
type fakeHub struct {
	t      testing.TB
	ctx    context.Context
	stop   context.CancelFunc
	served sync.WaitGroup

	// answer returns the outcome of a message, the n-th of all, counting from 1. Nil
	// is none. Default: accepted, with the feedback Success.
	answer func(m sentMessage) amqpOutcome
	// oneAtATime makes each link hold one feedback message: it gets the next when
	// that is settled.
	oneAtATime bool
	// keepsLocks makes what a link holds stay locked when it is detached.
	keepsLocks bool
	// oneLink makes the hub refuse a second link to the feedback.
	oneLink bool

	mu        sync.Mutex
	credit    uint32 // messages that a link may have under way: 100
	conns     []net.Conn
	gone      bool // it takes no more connections
	sent      []sentMessage
	queue     []*feedbackMessage
	mostHeld  int           // feedback messages, by all links
	abandoned int           // feedback messages
	unsettled []amqpOutcome // the answers to the first that are completed, which are not
	links     map[*feedbackSource]bool
	tags      int
	onSettled func() // called when a feedback message is settled
	attached  int    // links to the feedback, so far
}

// sentMessage is a message that has come to the hub.
type sentMessage struct {
	n          int
	device, id string
}

func newFakeHub(t testing.TB) *fakeHub {
	h := &fakeHub{t: t, credit: 100, links: make(map[*feedbackSource]bool)}
	h.ctx, h.stop = context.WithCancel(context.Background())
	t.Cleanup(func() {
		h.stop()
		h.served.Wait()
	})
	return h
}

// dial connects to the hub.
func (h *fakeHub) dial(context.Context) (net.Conn, error) {
	const socket = 1 << 18
	near, far := faultnet.Pipe(socket)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return nil, errGone
	}
	h.conns = append(h.conns, far)
	h.served.Go(func() {
		_ = amqpserver.Serve(h.ctx, far, func(c *amqpserver.Conn) amqpserver.Handler { return &fakeHandler{hub: h} }, nil) // tests cut connections
	})
	return near, nil
}

var errGone = errors.New("gone away")

// goAway breaks all connections, and takes no more.
func (h *fakeHub) goAway() {
	h.mu.Lock()
	h.gone = true
	h.mu.Unlock()
	h.cut()
}

// cut breaks all connections.
func (h *fakeHub) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		_ = c.Close()
	}
}

// setCredit changes the credit of the links that are attached from now on.
func (h *fakeHub) setCredit(n uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.credit = n
}

// ids returns the ids of the messages that have come, in order.
func (h *fakeHub) ids() (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.sent {
		ids = append(ids, m.id)
	}
	return ids
}

// fakeHandler serves one connection.
type fakeHandler struct {
	hub     *fakeHub
	replies *replySource // of $cbs
}

func (*fakeHandler) Login(amqpwire.Symbol, []byte) *amqpwire.Error { return nil }

func (f *fakeHandler) Sink(l *amqpserver.Link, _ *amqpwire.Attach) (amqpserver.Sink, *amqpwire.Error) {
	if l.Address() == "$cbs" {
		return &tokenSink{handler: f}, nil
	}
	return &messageSink{hub: f.hub}, nil
}

func (f *fakeHandler) Source(l *amqpserver.Link, _ *amqpwire.Attach) (amqpserver.Source, *amqpwire.Error) {
	if l.Address() == "$cbs" {
		f.replies = &replySource{link: l}
		return f.replies, nil
	}
	s := &feedbackSource{hub: f.hub, link: l}
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	if f.hub.oneLink && len(f.hub.links) > 0 {
		return nil, amqpserver.Errorf(amqpserver.CondNotAllowed, "There is a link to the feedback already.")
	}
	f.hub.links[s] = true
	f.hub.attached++
	return s, nil
}

// tokenSink lets everybody in.
type tokenSink struct{ handler *fakeHandler }

func (*tokenSink) MaxMessageSize() int { return 1 << 20 }

func (s *tokenSink) Accept(in amqpserver.Incoming) amqpwire.DeliveryState {
	request, err := amqpwire.DecodeMessage(in.Payload)
	if err != nil {
		s.handler.hub.t.Error(err)
	}
	reply := amqpwire.Message{
		Properties:            &amqpwire.Properties{CorrelationID: request.Properties.MessageID},
		ApplicationProperties: amqpwire.Map{{Key: "status-code", Value: int32(200)}},
	}
	payload, err := reply.Append(nil)
	if err != nil {
		s.handler.hub.t.Error(err)
	}
	s.handler.replies.ready = append(s.handler.replies.ready, payload)
	s.handler.replies.link.Wake()
	return &amqpwire.Accepted{}
}

// replySource gives the replies of $cbs.
type replySource struct {
	link  *amqpserver.Link
	ready [][]byte
}

func (s *replySource) Next() (amqpserver.Outgoing, bool) {
	if s.Empty() {
		return amqpserver.Outgoing{}, false
	}
	payload := s.ready[0]
	s.ready = s.ready[1:]
	return amqpserver.Outgoing{Tag: []byte("reply"), Payload: payload}, true
}

func (s *replySource) Empty() bool { return len(s.ready) == 0 }
func (*replySource) Settle(amqpserver.Settlement) amqpwire.DeliveryState {
	return &amqpwire.Accepted{}
}
func (*replySource) Release([][]byte) {}
func (*replySource) Close()           {}

// messageSink takes the messages that are sent.
type messageSink struct{ hub *fakeHub }

func (s *messageSink) Credit() uint32 {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.hub.credit
}

func (*messageSink) MaxMessageSize() int { return 1 << 20 }

func (s *messageSink) Accept(in amqpserver.Incoming) amqpwire.DeliveryState {
	h := s.hub
	message, err := amqpwire.DecodeMessage(in.Payload)
	if err != nil {
		h.t.Error(err)
		return nil
	}
	h.mu.Lock()
	m := sentMessage{n: len(h.sent) + 1, device: fmt.Sprint(message.Properties.To), id: fmt.Sprint(message.Properties.MessageID)}
	h.sent = append(h.sent, m)
	h.mu.Unlock()
	if h.answer != nil {
		return h.answer(m)
	}
	h.addFeedback(m.id)
	return &amqpwire.Accepted{}
}

// amqpOutcome is the hub's answer to a message.
type amqpOutcome = amqpwire.DeliveryState

// accept is an answer that brings no feedback.
func accept(sentMessage) amqpOutcome { return &amqpwire.Accepted{} }
