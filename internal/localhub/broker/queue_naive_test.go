package broker

import (
	"slices"
	"time"
)

// model is the queue as one would explain it: a list of messages, each with its
// own little life. It looks at all of them every time.
type model struct {
	limits   rules
	messages []*modelMessage // in order, also those that have ended
	ended    map[string]Status
}

type modelMessage struct {
	name        string
	expires     time.Time
	lockedUntil time.Time // zero: ready
	token       LockToken
	count       int
	over        bool
}

func (m *model) end(e *modelMessage, s Status) {
	e.over = true
	m.ended[e.name] = s
}

// back returns e to the queue at a given time.
func (m *model) back(e *modelMessage, at time.Time) {
	e.lockedUntil, e.token = time.Time{}, LockToken{}
	switch {
	case !e.expires.After(at):
		m.end(e, StatusExpired)
	case e.count >= m.limits.deliveries:
		m.end(e, StatusDeliveryCountExceeded)
	}
}

// alive brings everything up to date and returns what has not ended.
func (m *model) alive() (list []*modelMessage) {
	now := time.Now()
	for _, e := range m.messages {
		if !e.lockedUntil.IsZero() && !e.lockedUntil.After(now) {
			if m.limits.countLostLocks {
				e.count++
			}
			m.back(e, e.lockedUntil)
		}
		if !e.over && e.lockedUntil.IsZero() && !e.expires.After(now) {
			m.end(e, StatusExpired)
		}
		if !e.over {
			list = append(list, e)
		}
	}
	m.messages = list
	return list
}

func (m *model) put(name string, expires time.Time) error {
	if len(m.alive()) >= m.limits.pending {
		return ErrQueueFull
	}
	m.messages = append(m.messages, &modelMessage{name: name, expires: expires})
	return nil
}

// take returns the message that must come next, nil if there is none.
func (m *model) take() *modelMessage {
	for _, e := range m.alive() {
		if e.lockedUntil.IsZero() {
			return e
		}
	}
	return nil
}

func (m *model) settle(token LockToken, s Settlement) error {
	now := time.Now()
	i := slices.IndexFunc(m.alive(), func(e *modelMessage) bool { return !e.lockedUntil.IsZero() && e.token == token })
	if i < 0 {
		return ErrLockLost
	}
	e := m.messages[i]
	switch {
	case s == Reject:
		m.end(e, StatusRejected)
	case s == Complete && e.expires.After(now):
		m.end(e, StatusSuccess)
	case s == Complete:
		m.end(e, StatusExpired)
		return ErrLockLost
	case s == Abandon:
		e.count++
		m.back(e, now)
	default:
		m.back(e, now)
	}
	return nil
}

func (m *model) purge() int {
	list := m.alive()
	for _, e := range list {
		m.end(e, StatusPurged)
	}
	return len(list)
}
