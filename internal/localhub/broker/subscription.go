package broker

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxNotices is how many events wait for a subscriber: a burst of a hundred
// messages and all that becomes of them fits in it twice.
const maxNotices = 1024

// Notice is an event as subscribers hear of it.
type Notice struct {
	At time.Time
	Event
}

// Subscription is a subscriber's view of the events: they wait for it in memory
// that is bounded. A subscriber that is slow misses those that come while so many
// wait, is told how many, and slows nobody.
type Subscription struct {
	broker *Broker
	wake   chan struct{} // one place: there are events
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	waiting []Notice
	missed  int // after those that wait
}

// Subscribe returns the events from now on. They cost time and memory until the
// subscription is closed.
func (b *Broker) Subscribe() *Subscription {
	s := &Subscription{broker: b, wake: make(chan struct{}, 1), closed: make(chan struct{})}
	b.changeSubscribers(func(all []*Subscription) []*Subscription { return append(all, s) })
	return s
}

// changeSubscribers replaces the list: who tells of an event reads it without a
// lock. There is none without subscribers.
func (b *Broker) changeSubscribers(change func([]*Subscription) []*Subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []*Subscription
	if old := b.subscribers.Load(); old != nil {
		all = slices.Clone(*old)
	}
	if all = change(all); len(all) == 0 {
		b.subscribers.Store(nil)
		return
	}
	b.subscribers.Store(&all)
}

// Close ends the subscription. Next returns what has happened before, and then no
// more.
func (s *Subscription) Close() {
	s.once.Do(func() {
		s.broker.changeSubscribers(func(all []*Subscription) []*Subscription {
			return slices.DeleteFunc(all, func(other *Subscription) bool { return other == s })
		})
		close(s.closed)
	})
}

// put adds an event, if there is room. If there is none, it costs next to nothing.
func (s *Subscription) put(e *Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == maxNotices {
		s.missed++
		return
	}
	s.waiting = append(s.waiting, Notice{time.Now(), *e})
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next returns the events since the last call, and how many are missing after the
// last of them. It waits until there is one, and is not ok when ctx or the
// subscription has ended.
func (s *Subscription) Next(ctx context.Context) (list []Notice, missed int, ok bool) {
	for {
		if list, missed = s.take(); len(list) > 0 {
			return list, missed, true
		}
		select {
		case <-s.wake:
		case <-s.closed:
			list, missed = s.take()
			return list, missed, len(list) > 0
		case <-ctx.Done():
			return nil, 0, false
		}
	}
}

// take takes what is there. Whoever tells of events waits as short as can be.
func (s *Subscription) take() (list []Notice, missed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, missed = s.waiting, s.missed
	s.waiting, s.missed = nil, 0
	return list, missed
}

// MarshalJSON returns the notice as `hub -o json` and the page show it. Ids are
// those of the message, detail what the kind of event says about it, and the last
// three fields are those of a connection.
func (n Notice) MarshalJSON() ([]byte, error) {
	device, module, _ := strings.Cut(n.Device, "/") // no id of a device holds one
	return json.Marshal(struct {
		Event     string    `json:"event"`
		At        time.Time `json:"at"`
		DeviceID  string    `json:"deviceId,omitempty"`
		ModuleID  string    `json:"moduleId,omitempty"`
		MessageID string    `json:"messageId,omitempty"`
		Sequence  uint64    `json:"sequenceNumber,omitempty"`
		Detail    string    `json:"detail,omitempty"`
		Protocol  string    `json:"protocol,omitempty"`
		Transport string    `json:"transport,omitempty"`
		Client    string    `json:"client,omitempty"`
	}{
		n.Name(), n.At.UTC().Truncate(time.Millisecond), device, module, n.MessageID, n.Sequence, n.detail(),
		n.Over.Protocol, n.Over.Transport, n.Over.Client,
	})
}

// detail returns what the name of the event does not say.
func (n Notice) detail() string {
	if n.Kind == EventReturned {
		return ""
	}
	return n.Detail
}
