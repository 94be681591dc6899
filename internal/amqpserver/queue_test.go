package amqpserver

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"iothub-c2d/internal/amqpwire"
)

// queue is what stands behind an address of the test server: whoever sends puts
// messages in, whoever receives takes them out, first in first out. Its payloads
// are any bytes at all.
type queue struct {
	// How it behaves. Set before the first link.
	maxSize int
	credit  uint32
	tag     string                                    // of every delivery; empty: each has its own
	accept  func(m Incoming) amqpwire.DeliveryState   // nil: every message is accepted
	settle  func(s Settlement) amqpwire.DeliveryState // nil: likewise

	mu       sync.Mutex
	sequence int
	ready    []item
	held     map[string]item // by tag
	links    map[*Link]struct{}
	events   []string
	losses   []string // of links, and why
}

type item struct {
	order   int
	format  uint32
	payload string
}

func newQueue() *queue {
	return &queue{maxSize: 1 << 20, credit: linkCredit, held: make(map[string]item), links: make(map[*Link]struct{})}
}

// put adds messages, from any goroutine.
func (q *queue) put(payloads ...string) {
	for _, p := range payloads {
		q.add(0, p)
	}
}

func (q *queue) add(format uint32, payload string) {
	q.mu.Lock()
	q.sequence++
	q.ready = append(q.ready, item{q.sequence, format, payload})
	links := q.links
	for l := range links {
		l.Wake()
	}
	q.mu.Unlock()
}

// note records what has happened; the caller holds mu.
func (q *queue) note(format string, args ...any) {
	q.events = append(q.events, fmt.Sprintf(format, args...))
}

// took returns what has happened since the last call.
func (q *queue) took() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	events := strings.Join(q.events, ", ")
	q.events = nil
	return events
}

// waiting returns the messages that could be taken now.
func (q *queue) waiting() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var payloads []string
	for _, i := range q.ready {
		payloads = append(payloads, i.payload)
	}
	return strings.Join(payloads, " ")
}

// sink is a link's way into a queue.
type sink struct{ *queue }

func (s sink) MaxMessageSize() int       { return s.maxSize }
func (s sink) Credit() uint32            { return s.credit }
func (s sink) TooLarge() *amqpwire.Error { return Errorf(CondTooLarge, "Not more than %d.", s.maxSize) }

func (s sink) Accept(m Incoming) amqpwire.DeliveryState {
	if s.accept != nil {
		return s.accept(m)
	}
	s.add(m.Format, string(m.Payload))
	return &amqpwire.Accepted{}
}

// source is a link's way out of a queue.
type source struct {
	*queue
	link *Link
}

func (q *queue) source(l *Link) source {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.links[l] = struct{}{}
	return source{q, l}
}

func (s source) MaxMessageSize() int { return s.maxSize }

func (s source) Next() (Outgoing, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) == 0 {
		return Outgoing{}, false
	}
	i := s.ready[0]
	s.ready = s.ready[1:]
	tag := s.tag
	if tag == "" {
		tag = fmt.Sprint("tag-", i.order)
	}
	s.held[tag] = i
	return Outgoing{Tag: []byte(tag), Format: i.format, Payload: []byte(i.payload)}, true
}

func (s source) Empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ready) == 0
}

func (s source) Settle(said Settlement) amqpwire.DeliveryState {
	s.mu.Lock()
	defer s.mu.Unlock()
	tag := string(said.Tag)
	s.note("%s %s", s.held[tag].payload, amqpwire.TextOf(said.Outcome))
	if s.settle != nil {
		return s.settle(said)
	}
	delete(s.held, tag)
	return &amqpwire.Accepted{}
}

func (s source) Release(tags [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tag := range tags {
		i := s.held[string(tag)]
		delete(s.held, string(tag))
		s.ready = append(s.ready, i)
		s.note("%s back", i.payload)
	}
	slices.SortFunc(s.ready, func(a, b item) int { return a.order - b.order })
}

func (s source) Lost(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losses = append(s.losses, s.link.Name()+": "+why.Error())
}

func (s source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, s.link)
	s.note("closed")
}
