package localhub

import (
	"slices"
	"time"
)

// The methods below are called with mu held.

// giveBack makes a message ready again, at its old place, unless it has
// reached one of its limits. counts says that this was one of its deliveries. On
// the disk it is one step either way: no message at its limit is found there.
func (q *queue) giveBack(e *entry, now time.Time, why string, counts bool) {
	e.lockedUntil = time.Time{}
	if counts {
		e.deliveryCount++
	}
	switch {
	case !now.Before(e.expires):
		q.end(e, statusExpired)
	case e.deliveryCount >= q.limits.deliveries:
		q.end(e, statusDeliveryCountExceeded)
	default:
		if counts {
			q.kept(q.journal.save(e))
		}
		i, _ := slices.BinarySearchFunc(q.ready, e, bySequence)
		q.ready = slices.Insert(q.ready, i, e)
		q.arrived = true
		if q.returned != nil {
			q.back = append(q.back, comeback{e, why})
		}
		q.due(e.expires) // while it was locked, only its lock counted
	}
}

// kept hears whether a change has reached the disk. If it has not, the change
// is still made: after a restart the message is older than it should be, and
// delivered again rather than lost.
func (q *queue) kept(err error) {
	if err != nil {
		q.trouble(err)
	}
}

func (q *queue) end(e *entry, s status) {
	q.kept(q.journal.finish(e, s))
	q.ended = append(q.ended, ending{e, s})
}

// expire carries out the locks and lifetimes that have run out.
func (q *queue) expire(now time.Time) {
	if q.closed || q.deadline.IsZero() || now.Before(q.deadline) {
		return
	}
	q.deadline = time.Time{}
	for token, e := range q.locked {
		if now.Before(e.lockedUntil) {
			q.due(e.lockedUntil)
			continue
		}
		delete(q.locked, token)
		q.giveBack(e, now, "lock lost", q.limits.countLostLocks)
	}
	q.ready = slices.DeleteFunc(q.ready, func(e *entry) bool {
		if now.Before(e.expires) {
			q.due(e.expires)
			return false
		}
		q.end(e, statusExpired)
		return true
	})
}

// due moves the next deadline forward to t if it is later.
func (q *queue) due(t time.Time) {
	if q.deadline.IsZero() || t.Before(q.deadline) {
		q.deadline = t
	}
}

// schedule sets the timer to the next deadline. A deadline that has become
// pointless costs one idle tick.
func (q *queue) schedule(now time.Time) {
	if q.closed || q.deadline.IsZero() {
		return
	}
	if q.timer == nil {
		q.timer = time.AfterFunc(q.deadline.Sub(now), func() { q.update(func(time.Time) {}) })
		return
	}
	q.timer.Reset(q.deadline.Sub(now))
}
