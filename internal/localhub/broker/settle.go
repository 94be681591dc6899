package broker

import (
	"maps"
	"slices"
	"time"
)

// Settlement is what a receiver does with a message that it holds.
type Settlement int

// The settlements.
const (
	Complete Settlement = iota
	Abandon             // give it back; this counts as a delivery
	Reject              // dead-letter it
	Release             // give it back as if it had not been delivered
)

// Settle carries out what the receiver wants done with the delivery that token
// names. It fails with [ErrLockLost] if the lock has run out meanwhile. Any other
// error says that the settlement could not be kept: the receiver may try again
// until the lock runs out.
func (q *Queue) Settle(token LockToken, how Settlement) error {
	return wait(func(done func(error)) { q.SettleThen(token, how, done) })
}

// SettleThen is [Queue.Settle] for callers that must not wait, as [Queue.PutThen]
// is.
func (q *Queue) SettleThen(token LockToken, how Settlement, done func(error)) {
	q.submit(operation{do: func(s *step) error { return q.settle(s, token, how) }, done: done})
}

// settle is Settle in a step.
func (q *Queue) settle(s *step, token LockToken, how Settlement) error {
	e := q.locked[token]
	switch {
	case e == nil:
		return ErrLockLost
	case e.held:
		return errHeld
	case how == Complete && e.expired(s.now):
		// A message that expired in its receiver's hands can only be dead-lettered.
		q.unlock(s, token, whyReleased, false)
		return ErrLockLost
	}
	switch how {
	case Complete:
		q.end(s, token, StatusSuccess)
	case Reject:
		q.end(s, token, StatusRejected)
	case Abandon:
		q.abandon(s, token)
	case Release:
		q.unlock(s, token, whyReleased, false)
	}
	return nil
}

// Release gives deliveries back as if they had not been: all at once, else a
// receiver that waits could take a younger one before an older one is back.
// Those whose lock has run out are back already, and what is being settled stays
// so.
func (q *Queue) Release(tokens []LockToken) {
	q.do(func(s *step) {
		for _, t := range tokens {
			if e := q.locked[t]; e != nil && !e.held {
				q.unlock(s, t, whyReleased, false)
			}
		}
	})
}

// The methods below are called with mu held.

// finalStatus returns the status in which a message ends that comes back after so
// many deliveries, none if it stays.
func (q *Queue) finalStatus(e *entry, now time.Time, deliveries int) Status {
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
	s.hold(x.entry)
	s.growth--
	s.end(q.name, &x)
	s.then(func() {
		delete(q.locked, token)
		s.finish(x)
	})
}

// endOldest ends the n oldest messages, those in receivers' hands too, once that is
// kept. It is for steps that no other operation shares: none of them is held.
func (q *Queue) endOldest(s *step, n int, status Status) {
	if n == 0 {
		return
	}
	var ended []ending
	for _, e := range q.all()[:n] {
		x := q.ending(e, status)
		s.hold(e)
		s.end(q.name, &x)
		ended = append(ended, x)
	}
	last := ended[n-1].entry.Sequence
	s.then(func() {
		q.ready = slices.DeleteFunc(q.ready, func(e *entry) bool { return e.Sequence <= last })
		maps.DeleteFunc(q.locked, func(_ LockToken, e *entry) bool { return e.Sequence <= last })
		s.finish(ended...)
	})
}

// abandon gives a message back, counted, once that is kept. It is one change
// either way: no message at its limit is found in the journal.
func (q *Queue) abandon(s *step, token LockToken) {
	e := q.locked[token]
	counted := e.Entry
	counted.DeliveryCount++
	if status := q.finalStatus(e, s.now, counted.DeliveryCount); status != "" {
		q.end(s, token, status)
		return
	}
	s.hold(e)
	s.put(q.name, &counted)
	s.then(func() {
		delete(q.locked, token)
		e.DeliveryCount = counted.DeliveryCount
		q.putBack(s, e, whyAbandoned)
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
	if status := q.finalStatus(e, s.now, e.DeliveryCount); status != "" {
		q.unkept.ended = append(q.unkept.ended, q.ending(e, status))
		s.freed = true
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
	s.happened(EventReturned, e, why)
	q.due(e.Expires) // while it was locked, only its lock counted
}
