package broker

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// View is what can be seen of a device or module from outside.
type View struct {
	ID          ID
	Messages    int // that wait for it, those in its hands included
	Locked      int // of these, those in its hands
	Connections []Connected
	Active      time.Time // see [Activity]
}

// Selection says which devices and modules [Broker.Views] returns.
type Selection struct {
	Text          string // in the id, in any case
	WithMessages  bool
	OnlyConnected bool
	Offset, Limit int
}

// Overview is a part of all devices and modules, and what there is of them
// altogether.
type Overview struct {
	Views   []View // by their ids, modules after their device
	Matches int    // that are selected, on this page and others

	Total, Connected, Messages int // of all, selected or not
}

// Views returns an overview. It takes each lock for a moment only: the figures are
// not all of the same one.
func (b *Broker) Views(s Selection) (o Overview) {
	text := strings.ToLower(s.Text)
	var matches []*Mailbox
	for _, box := range b.mailboxes() {
		messages, connected := box.Len(), box.connected()
		o.Total++
		o.Messages += messages
		if connected {
			o.Connected++
		}
		switch {
		case s.WithMessages && messages == 0, s.OnlyConnected && !connected:
		case strings.Contains(strings.ToLower(box.ID.String()), text):
			matches = append(matches, box)
		}
	}
	slices.SortFunc(matches, func(a, b *Mailbox) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	o.Matches = len(matches)
	start := min(max(s.Offset, 0), len(matches))
	for _, box := range matches[start:min(start+max(s.Limit, 0), len(matches))] {
		o.Views = append(o.Views, box.view())
	}
	return o
}

// mailboxes returns those of all devices and modules.
func (b *Broker) mailboxes() []*Mailbox {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]*Mailbox, 0, len(b.devices))
	for _, device := range b.devices {
		list = append(list, device)
		for _, module := range device.modules {
			list = append(list, module)
		}
	}
	return list
}

func (m *Mailbox) connected() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.presences.all) > 0
}

func (m *Mailbox) view() View {
	v := View{ID: m.ID}
	m.do(func(*step) { v.Messages, v.Locked = m.size(), len(m.locked) })
	m.mu.Lock()
	defer m.mu.Unlock()
	v.Connections, v.Active = m.presences.connections(), m.presences.active
	return v
}

// QueueOf returns the queue of a device or module, nil if it does not exist.
func (b *Broker) QueueOf(id ID) *Queue {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.find(id); m != nil {
		return m.Queue
	}
	return nil
}

// Seen is a message in a queue, seen from outside.
type Seen struct {
	Entry
	LockedUntil time.Time // zero: it is ready
}

// Look returns at most limit messages after the sequence number, in the order of
// the queue, and how many there are altogether. It takes and changes nothing.
func (q *Queue) Look(after uint64, limit int) (list []Seen, total int) {
	q.do(func(*step) {
		total = q.size()
		from := sort.Search(len(q.ready), func(i int) bool { return q.ready[i].Sequence > after })
		page := slices.Clone(q.ready[from:min(from+limit, len(q.ready))])
		for _, e := range q.locked {
			if e.Sequence > after {
				page = append(page, e)
			}
		}
		slices.SortFunc(page, bySequence)
		for _, e := range page[:min(limit, len(page))] {
			list = append(list, Seen{e.Entry, e.lockedUntil})
		}
	})
	return list, total
}

// Find returns the message of the sequence number, if it is in the queue.
func (q *Queue) Find(sequence uint64) (seen Seen, ok bool) {
	if sequence == 0 {
		return seen, false
	}
	list, _ := q.Look(sequence-1, 1)
	if len(list) == 0 || list[0].Sequence != sequence {
		return seen, false
	}
	return list[0], true
}
