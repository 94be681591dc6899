// Package naive is the queue of a device as one would explain it, for tests: a list
// of messages, each with its own little life. It looks at all of them every time,
// and is told all that happens.
package naive

import (
	"slices"
	"time"
)

// Limits are the rules of a queue.
type Limits struct {
	Pending        int           // messages at most, delivered ones included
	Lock           time.Duration // how long a receiver may hold a message
	TTL            time.Duration // of a message that names no expiry itself
	Deliveries     int           // abandons after which a message is dead-lettered
	CountLostLocks bool          // a lock that runs out counts as an abandon
}

// Queue is a queue. Time is the time package's.
type Queue struct {
	Limits
	Ended map[string]string // the status of each message that has ended since it was cleared

	messages []*Message // in order, also those that have ended
	locks    Lock       // given so far
}

// New returns a queue without messages.
func New(l Limits) *Queue { return &Queue{Limits: l, Ended: make(map[string]string)} }

// Message is a message in the queue.
type Message struct {
	Name  string
	Count int // of deliveries that count

	expires     time.Time
	lockedUntil time.Time // zero: ready
	lock        Lock
	over        bool
}

// Lock names one delivery of a message.
type Lock int

// Settlement is what a receiver does with a message that it holds.
type Settlement int

// The settlements, in the order of the broker's.
const (
	Complete Settlement = iota
	Abandon
	Reject
	Release
)

func (q *Queue) end(m *Message, status string) {
	m.over = true
	q.Ended[m.Name] = status
}

// back returns m to the queue at a given time.
func (q *Queue) back(m *Message, at time.Time) {
	m.lockedUntil, m.lock = time.Time{}, 0
	switch {
	case !m.expires.After(at):
		q.end(m, "Expired")
	case m.Count >= q.Deliveries:
		q.end(m, "DeliveryCountExceeded")
	}
}

// Alive brings everything up to date and returns what has not ended.
func (q *Queue) Alive() (list []*Message) {
	now := time.Now()
	for _, m := range q.messages {
		if !m.lockedUntil.IsZero() && !m.lockedUntil.After(now) {
			if q.CountLostLocks {
				m.Count++
			}
			q.back(m, m.lockedUntil)
		}
		if !m.over && m.lockedUntil.IsZero() && !m.expires.After(now) {
			q.end(m, "Expired")
		}
		if !m.over {
			list = append(list, m)
		}
	}
	q.messages = list
	return list
}

// Next returns when something will happen by itself: the zero time if nothing will.
func (q *Queue) Next() (next time.Time) {
	for _, m := range q.Alive() {
		at := m.lockedUntil
		if at.IsZero() {
			at = m.expires
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// Put adds a message, if there is room. Without an expiry, it gets the usual one.
func (q *Queue) Put(name string, expires time.Time) bool {
	if expires.IsZero() {
		expires = time.Now().Add(q.TTL)
	}
	if len(q.Alive()) >= q.Pending {
		return false
	}
	q.messages = append(q.messages, &Message{Name: name, expires: expires})
	return true
}

// First returns the message that must come next, nil if there is none.
func (q *Queue) First() *Message {
	return q.find(func(m *Message) bool { return m.lockedUntil.IsZero() })
}

// Ready returns the message of that name, nil if it is not ready.
func (q *Queue) Ready(name string) *Message {
	return q.find(func(m *Message) bool { return m.lockedUntil.IsZero() && m.Name == name })
}

// find returns the first message that suits, nil if none does.
func (q *Queue) find(suits func(*Message) bool) *Message {
	if list := q.Alive(); slices.ContainsFunc(list, suits) {
		return list[slices.IndexFunc(list, suits)]
	}
	return nil
}

// Take notes that m is delivered.
func (q *Queue) Take(m *Message, lock time.Duration) Lock {
	q.locks++
	m.lockedUntil, m.lock = time.Now().Add(lock), q.locks
	return m.lock
}

// Holds reports whether the delivery that l names is not over.
func (q *Queue) Holds(l Lock) bool { return q.held(l) != nil }

func (q *Queue) held(l Lock) *Message {
	return q.find(func(m *Message) bool { return !m.lockedUntil.IsZero() && m.lock == l })
}

// Settle settles the delivery that l names, and reports whether it could be.
func (q *Queue) Settle(l Lock, s Settlement) bool {
	now := time.Now()
	m := q.held(l)
	switch {
	case m == nil:
		return false
	case s == Reject:
		q.end(m, "Rejected")
	case s == Complete && m.expires.After(now):
		q.end(m, "Success")
	case s == Complete:
		q.end(m, "Expired")
		return false
	case s == Abandon:
		m.Count++
		q.back(m, now)
	default:
		q.back(m, now)
	}
	return true
}

// Purge ends all messages and returns how many there were.
func (q *Queue) Purge() int {
	list := q.Alive()
	for _, m := range list {
		q.end(m, "Purged")
	}
	return len(list)
}
