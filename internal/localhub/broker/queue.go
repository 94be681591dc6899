package broker

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

// rules are the limits of a queue. All queues of devices share theirs.
type rules struct {
	pending        int           // messages at most, delivered ones included; 0: no limit
	lock           time.Duration // how long a receiver may hold a message
	ttl            time.Duration // of a message that names no expiry itself
	deliveries     int           // abandons after which a message is dead-lettered
	countLostLocks bool          // a lock that runs out counts as an abandon
}

// Queue holds messages for one receiver, or for several that compete: first in
// first out, each message locked while it is delivered, a returned one back at
// its old place. Its methods may be called from any goroutine.
//
// What a method answers is in the journal before.
type Queue struct {
	name    string // in the journal
	rules   *rules
	owner   owner
	journal Journal
	log     *slog.Logger

	mu       sync.Mutex
	sequence uint64
	ready    []*entry // by sequence number
	locked   map[LockToken]*entry
	line     []operation // that wait for a step
	underWay bool        // a step is
	unkept   unkept
	missed   bool        // a receiver has been sent away for a message that is held
	deadline time.Time   // of the next thing that happens by itself
	timer    *time.Timer // fires at deadline; nil if there is none
	wakes    []*func()
	closed   bool
	gone     bool // for good: its device or module exists no more
}

// owner is told what becomes of the messages of its queue.
type owner interface {
	// record returns the feedback on a message that ends, nil if nobody wants any.
	// The queue's lock is held.
	record(e *entry, s Status) *Record
	// finished hears, with no lock held, the one status in which each message ends:
	// of all that end at one moment, in the order of the queue.
	finished([]ending)
	// watched reports whether anybody wants to hear of events.
	watched() bool
	// happened hears what happened to a message, in the order of the events. The
	// queue's lock is held: it must not wait.
	happened(kind EventKind, e *entry, detail string)
}

// restore fills a new queue with what its journal has kept. What has expired
// meanwhile ends at once.
func (q *Queue) restore(kept QueueState) {
	q.do(func(*step) {
		q.sequence = kept.Last
		for _, k := range kept.Entries {
			q.ready = append(q.ready, &entry{Entry: k})
			q.due(k.Expires)
		}
	})
	q.do(func(*step) {})
}

// Subscribe has wake called, from any goroutine, when a message may be ready,
// until cancel is called. wake must not block.
func (q *Queue) Subscribe(wake func()) (cancel func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wakes = append(q.wakes, &wake)
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.wakes = slices.DeleteFunc(q.wakes, func(w *func()) bool { return w == &wake })
	}
}

// Put enqueues m. It fails with [ErrQueueFull], or with the journal's error; m is
// not in the queue then.
func (q *Queue) Put(m *Message) error {
	return wait(func(done func(error)) { q.PutThen(m, done) })
}

// PutThen is [Queue.Put] for callers that must not wait: done hears of the outcome,
// perhaps before PutThen returns, perhaps from another goroutine. It must not wait,
// nor must it call anything that does.
func (q *Queue) PutThen(m *Message, done func(error)) {
	q.submit(operation{do: func(s *step) error { return q.put(s, m) }, done: done})
}

// put is Put in a step.
func (q *Queue) put(s *step, m *Message) error {
	switch {
	case q.gone:
		return errGone
	case q.rules.pending > 0 && q.size()+s.growth >= q.rules.pending:
		return ErrQueueFull
	}
	q.add(s, m, 0)
	return nil
}

// add puts m at the end of the queue once it is kept.
func (q *Queue) add(s *step, m *Message, records int) {
	s.added++
	e := &entry{
		Entry:   Entry{Message: m, Sequence: q.sequence + s.added, Enqueued: s.now, Expires: m.Expiry},
		records: records,
	}
	if e.Expires.IsZero() {
		e.Expires = s.now.Add(q.rules.ttl)
	}
	if !e.expired(s.now) { // else it leaves before the next one comes
		s.growth++
	}
	s.put(q.name, &e.Entry)
	s.then(func() {
		q.sequence = e.Sequence
		q.ready = append(q.ready, e)
		q.due(e.Expires)
		s.arrived = true
		s.happened(EventEnqueued, e, "")
	})
}

// Take locks the first message that is ready, if there is one, for the usual time.
func (q *Queue) Take() (d Delivery, ok bool) { return q.TakeFor(q.rules.lock) }

// TakeFor is [Queue.Take] for a time of the receiver's choice.
func (q *Queue) TakeFor(lock time.Duration) (d Delivery, ok bool) {
	q.do(func(s *step) {
		if len(q.ready) == 0 || q.closed {
			return
		}
		first := q.ready[0]
		if first.held {
			q.missed = true
			return
		}
		q.ready[0] = nil // for the garbage collector
		q.ready = q.ready[1:]
		first.lockedUntil = s.now.Add(lock)
		first.records = 0 // its receiver has them now
		q.due(first.lockedUntil)
		d, ok = Delivery{first.Entry, newLockToken()}, true
		if q.locked == nil {
			q.locked = make(map[LockToken]*entry)
		}
		q.locked[d.Token] = first
		s.happened(EventDelivered, first, "")
	})
	return d, ok
}

// Purge ends all messages and returns how many there were. If it fails, all are
// still there.
func (q *Queue) Purge() (n int, err error) {
	err = q.update(func(s *step) error {
		n = q.size()
		q.endOldest(s, n, StatusPurged)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// close stops the clock of the queue: nothing expires any more, nothing is
// delivered, and what could not be kept is left to the next start. It waits for
// what has been asked before.
func (q *Queue) close() {
	_ = q.update(func(*step) error { // no changes, no error
		q.closed = true
		if q.timer != nil {
			q.timer.Stop()
		}
		return nil
	})
}
