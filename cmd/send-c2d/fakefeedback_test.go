package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
)

type feedbackMessage struct {
	payload []byte
	holder  *feedbackSource
}

// addFeedback puts a feedback message on the queue, of a record for each of the
// ids, which are of the device "d".
func (h *fakeHub) addFeedback(ids ...string) { h.addFeedbackOf("d", ids...) }

func (h *fakeHub) addFeedbackOf(device string, ids ...string) {
	type record map[string]string
	var records []record
	for _, id := range ids {
		records = append(records, record{"originalMessageId": id, "deviceId": device, "statusCode": "Success", "description": "Success"})
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

func (s *feedbackSource) Settle(said amqpserver.Settlement) amqpwire.DeliveryState {
	h := s.hub
	h.mu.Lock()
	m := s.held[string(said.Tag)]
	delete(s.held, string(said.Tag))
	m.holder = nil
	var answer amqpOutcome = &amqpwire.Accepted{}
	_, complete := said.Outcome.(*amqpwire.Accepted)
	switch {
	case !complete:
		h.abandoned++
	case len(h.unsettled) > 0:
		answer, h.unsettled = h.unsettled[0], h.unsettled[1:]
	default:
		h.queue = slices.DeleteFunc(h.queue, func(o *feedbackMessage) bool { return o == m })
	}
	onSettled := h.onSettled
	h.mu.Unlock()
	if onSettled != nil {
		onSettled()
	}
	h.wake()
	return answer
}

func (s *feedbackSource) Release(tags [][]byte) {
	if s.hub.keepsLocks {
		return
	}
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

// attachments returns how often the feedback was attached to.
func (h *fakeHub) attachments() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.attached
}

// dropOldest takes feedback messages off the queue, as soon as nobody holds any.
func (h *fakeHub) dropOldest(n int) {
	for {
		if held, _ := h.held(); held == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queue = h.queue[n:]
}
