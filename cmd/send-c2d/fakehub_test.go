package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
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
	// credit is how many messages a link may have under way: 100.
	credit uint32

	mu        sync.Mutex
	conns     []net.Conn
	sent      []sentMessage
	queue     []*feedbackMessage
	mostHeld  int // feedback messages, by all links
	settled   int // feedback messages, other than accepted
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

type feedbackMessage struct {
	payload []byte
	holder  *feedbackSource
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
	h.conns = append(h.conns, far)
	h.mu.Unlock()
	h.served.Go(func() {
		_ = amqpserver.Serve(h.ctx, far, func(c *amqpserver.Conn) amqpserver.Handler { return &fakeHandler{hub: h} }, nil) // tests cut connections
	})
	return near, nil
}

// cut breaks all connections.
func (h *fakeHub) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		_ = c.Close()
	}
}

// addFeedback puts a feedback message on the queue, of a record for each of the
// ids, which are of the device "d".
func (h *fakeHub) addFeedback(ids ...string) {
	type record map[string]string
	var records []record
	for _, id := range ids {
		records = append(records, record{"originalMessageId": id, "deviceId": "d", "statusCode": "Success", "description": "Success"})
	}
	body, err := json.Marshal(records)
	if err != nil {
		h.t.Fatal(err)
	}
	h.addRaw(string(body))
}

// addRaw puts a feedback message with a body on the queue.
func (h *fakeHub) addRaw(body string) {
	m := amqpwire.Message{Data: [][]byte{[]byte(body)}}
	payload, err := m.Append(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	h.queue = append(h.queue, &feedbackMessage{payload: payload})
	h.mu.Unlock()
	h.wake()
}

func (h *fakeHub) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.links {
		l.link.Wake()
	}
}

// held returns how many feedback messages are in the hands of receivers, and how
// many there are.
func (h *fakeHub) held() (held, all int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.queue {
		if m.holder != nil {
			held++
		}
	}
	return held, len(h.queue)
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
func (*replySource) Settle([]byte, amqpwire.DeliveryState, bool) amqpwire.DeliveryState {
	return &amqpwire.Accepted{}
}
func (*replySource) Release([][]byte) {}
func (*replySource) Close()           {}

// messageSink takes the messages that are sent.
type messageSink struct{ hub *fakeHub }

func (s *messageSink) Credit() uint32    { return s.hub.credit }
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

// feedbackSource gives one link the feedback that no other holds.
type feedbackSource struct {
	hub  *fakeHub
	link *amqpserver.Link
	held map[string]*feedbackMessage // by tag
}

func (s *feedbackSource) Next() (amqpserver.Outgoing, bool) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	i := s.next()
	if i < 0 {
		return amqpserver.Outgoing{}, false
	}
	h.tags++
	tag := fmt.Sprint(h.tags)
	if s.held == nil {
		s.held = make(map[string]*feedbackMessage)
	}
	s.held[tag] = h.queue[i]
	h.queue[i].holder = s
	held := 0
	for _, m := range h.queue {
		if m.holder != nil {
			held++
		}
	}
	h.mostHeld = max(h.mostHeld, held)
	return amqpserver.Outgoing{Tag: []byte(tag), Payload: h.queue[i].payload}, true
}

// next returns the place of the next message in the queue, less than 0 if there is
// none for this link.
func (s *feedbackSource) next() int {
	if s.hub.oneAtATime && len(s.held) > 0 {
		return -1
	}
	return slices.IndexFunc(s.hub.queue, func(m *feedbackMessage) bool { return m.holder == nil })
}

func (s *feedbackSource) Empty() bool {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.next() < 0
}

func (s *feedbackSource) Settle(tag []byte, outcome amqpwire.DeliveryState, _ bool) amqpwire.DeliveryState {
	h := s.hub
	h.mu.Lock()
	m := s.held[string(tag)]
	delete(s.held, string(tag))
	m.holder = nil
	if _, ok := outcome.(*amqpwire.Accepted); ok {
		h.queue = slices.DeleteFunc(h.queue, func(o *feedbackMessage) bool { return o == m })
	} else {
		h.settled++
	}
	onSettled := h.onSettled
	h.mu.Unlock()
	if onSettled != nil {
		onSettled()
	}
	h.wake()
	return &amqpwire.Accepted{}
}

func (s *feedbackSource) Release(tags [][]byte) {
	s.hub.mu.Lock()
	for _, tag := range tags {
		s.held[string(tag)].holder = nil
	}
	s.hub.mu.Unlock()
	s.hub.wake()
}

// Close leaves what the link holds locked, as a hub does when a connection breaks.
func (s *feedbackSource) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	delete(s.hub.links, s)
}

// amqpOutcome is the hub's answer to a message.
type amqpOutcome = amqpwire.DeliveryState

// accept is an answer that brings no feedback.
func accept(sentMessage) amqpOutcome { return &amqpwire.Accepted{} }

// attachments returns how often the feedback was attached to.
func (h *fakeHub) attachments() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.attached
}
