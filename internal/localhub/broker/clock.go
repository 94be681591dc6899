package broker

import (
	"slices"
	"time"
)

// ShortenLock lets the lock that token names end after d.
func (q *Queue) ShortenLock(token LockToken, d time.Duration) {
	q.do(func(s *step) {
		if e := q.locked[token]; e != nil {
			e.lockedUntil = s.now.Add(d)
			q.due(e.lockedUntil)
		}
	})
}

// The methods below are called with mu held.

// expire carries out the locks and lifetimes that have run out, but for messages
// that are held.
func (q *Queue) expire(s *step) {
	if q.closed || q.deadline.IsZero() || s.now.Before(q.deadline) {
		return
	}
	q.deadline = time.Time{}
	for token, e := range q.locked {
		if e.held {
			continue
		}
		if s.now.Before(e.lockedUntil) {
			q.due(e.lockedUntil)
			continue
		}
		q.unlock(s, token, whyLockLost, q.rules.countLostLocks)
	}
	q.ready = slices.DeleteFunc(q.ready, func(e *entry) bool {
		switch {
		case e.held:
			return false
		case !e.expired(s.now):
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
	switch u := &q.unkept; {
	case q.closed:
		return
	case u.empty() && q.size() == 0:
		q.rest()
	case !u.empty() && !u.retry.IsZero():
		q.due(u.retry)
	}
	switch {
	case q.deadline.IsZero():
		q.stopTimer()
	case q.timer == nil:
		q.timer = time.AfterFunc(q.deadline.Sub(now), func() { q.do(func(*step) {}) })
	default:
		q.timer.Reset(q.deadline.Sub(now))
	}
}

// rest lets go of what an empty queue does not need: most are empty.
func (q *Queue) rest() {
	q.ready, q.locked, q.deadline = nil, nil, time.Time{}
	q.stopTimer()
}

func (q *Queue) stopTimer() {
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
}
