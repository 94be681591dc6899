package broker

import (
	"maps"
	"slices"
	"time"
)

// The methods below are called with mu held.

// fate returns the status in which a message ends that comes back after so many
// deliveries, none if it stays.
func (q *Queue) fate(e *entry, now time.Time, deliveries int) Status {
	switch {
	case e.expired(now):
		return StatusExpired
	case deliveries >= q.rules.deliveries:
		return StatusDeliveryCountExceeded
	}
	return ""
}

func (e *entry) expired(now time.Time) bool { return !now.Before(e.Expires) }

func (q *Queue) ending(e *entry, status Status) ending {
	return ending{e, status, q.owner.record(e, status)}
}

// end ends a delivered message once that is kept.
func (q *Queue) end(s *step, token LockToken, status Status) {
	x := q.ending(q.locked[token], status)
	s.change(x.changes(q.name)...)
	s.then(func() {
		delete(q.locked, token)
		s.ended = append(s.ended, x)
	})
}

// endOldest ends the n oldest messages, those in receivers' hands too, once that is
// kept.
func (q *Queue) endOldest(s *step, n int, status Status) {
	if n == 0 {
		return
	}
	var ended []ending
	for _, e := range q.all()[:n] {
		x := q.ending(e, status)
		s.change(x.changes(q.name)...)
		ended = append(ended, x)
	}
	last := ended[n-1].entry.Sequence
	s.then(func() {
		q.ready = slices.DeleteFunc(q.ready, func(e *entry) bool { return e.Sequence <= last })
		maps.DeleteFunc(q.locked, func(_ LockToken, e *entry) bool { return e.Sequence <= last })
		s.ended = append(s.ended, ended...)
	})
}

// abandon gives a message back, counted, once that is kept. It is one change
// either way: no message at its limit is found in the journal.
func (q *Queue) abandon(s *step, token LockToken) {
	e := q.locked[token]
	counted := e.Entry
	counted.DeliveryCount++
	if status := q.fate(e, s.now, counted.DeliveryCount); status != "" {
		q.end(s, token, status)
		return
	}
	s.change(PutEntry{q.name, counted})
	s.then(func() {
		delete(q.locked, token)
		e.Entry = counted
		q.putBack(s, e, "abandoned")
	})
}

// unlock gives a message back at once, whatever the journal says: its receiver
// has let go of it. counts says that this was one of its deliveries.
func (q *Queue) unlock(s *step, token LockToken, why string, counts bool) {
	e := q.locked[token]
	delete(q.locked, token)
	if counts {
		e.DeliveryCount++
	}
	if status := q.fate(e, s.now, e.DeliveryCount); status != "" {
		q.unkept.ended = append(q.unkept.ended, q.ending(e, status))
		return
	}
	if counts {
		q.unkept.counted = append(q.unkept.counted, e)
	}
	q.putBack(s, e, why)
}

// putBack makes a message ready again, at its old place.
func (q *Queue) putBack(s *step, e *entry, why string) {
	e.lockedUntil = time.Time{}
	i, _ := slices.BinarySearchFunc(q.ready, e, bySequence)
	q.ready = slices.Insert(q.ready, i, e)
	s.arrived = true
	s.back = append(s.back, comeback{e, why})
	q.due(e.Expires) // while it was locked, only its lock counted
}

// expire carries out the locks and lifetimes that have run out.
func (q *Queue) expire(s *step) {
	if q.closed || q.deadline.IsZero() || s.now.Before(q.deadline) {
		return
	}
	q.deadline = time.Time{}
	for token, e := range q.locked {
		if s.now.Before(e.lockedUntil) {
			q.due(e.lockedUntil)
			continue
		}
		q.unlock(s, token, "lock lost", q.rules.countLostLocks)
	}
	q.ready = slices.DeleteFunc(q.ready, func(e *entry) bool {
		if !e.expired(s.now) {
			q.due(e.Expires)
			return false
		}
		q.unkept.ended = append(q.unkept.ended, q.ending(e, StatusExpired))
		return true
	})
}

// due moves the next deadline forward to t if it is later.
func (q *Queue) due(t time.Time) {
	if q.deadline.IsZero() || t.Before(q.deadline) {
		q.deadline = t
	}
}

// schedule sets the timer to the next deadline. A deadline that has become
// pointless costs one idle tick. A queue with nothing in it has no timer.
func (q *Queue) schedule(now time.Time) {
	switch {
	case q.closed:
		return
	case q.size() == 0 && q.unkept.empty():
		q.rest()
		return
	case !q.unkept.empty():
		q.due(q.unkept.retry)
	}
	if q.timer == nil {
		q.timer = time.AfterFunc(q.deadline.Sub(now), func() { q.do(func(*step) {}) })
		return
	}
	q.timer.Reset(q.deadline.Sub(now))
}

// rest lets go of what an empty queue does not need: most are empty.
func (q *Queue) rest() {
	q.ready, q.locked, q.deadline = nil, nil, time.Time{}
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
}
