package localhub

import (
	"maps"
	"slices"
	"sync"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// queueLimits are the rules of one queue.
type queueLimits struct {
	pending        int           // messages at most, delivered ones included; 0: no limit
	lock           time.Duration // how long a receiver may hold a message
	ttl            time.Duration // of a message that names no expiry itself
	deliveries     int           // abandons after which a message is dead-lettered
	countLostLocks bool          // a lock that runs out counts as an abandon
}

// queue holds messages for one receiver, or for several that compete: first in
// first out, each message locked while it is delivered, a returned one back at
// its old place. It knows nothing of the network.
type queue struct {
	limits queueLimits
	// finished is told, with no lock held, the one status in which a message
	// ends.
	finished func(*entry, status)
	// returned, if it is set, is told likewise of each delivery that ended with
	// the message ready again, and why. The entry's state is not its to read.
	returned func(e *entry, why string)
	// journal, if it is set, keeps the queue over a restart; trouble is told, with
	// the lock held, if it cannot.
	journal *journal
	trouble func(error)

	mu       sync.Mutex
	sequence uint64
	ready    []*entry // by sequence number
	locked   map[lockToken]*entry
	ended    []ending // to be reported when mu is free again
	back     []comeback
	arrived  bool // a message has become ready
	deadline time.Time
	timer    *time.Timer // fires at deadline
	wakes    map[*func()]struct{}
	closed   bool
}

type ending struct {
	entry  *entry
	status status
}

type comeback struct {
	entry *entry
	why   string
}

func newQueue(limits queueLimits, finished func(*entry, status)) *queue {
	return &queue{
		limits:   limits,
		finished: finished,
		locked:   make(map[lockToken]*entry),
		wakes:    make(map[*func()]struct{}),
	}
}

// update runs f on a queue in which everything that is due has happened, then
// reports the messages that ended and wakes receivers if one became ready.
func (q *queue) update(f func(now time.Time)) {
	q.mu.Lock()
	now := time.Now()
	q.expire(now)
	f(now)
	q.schedule(now)
	ended := q.ended
	back := q.back
	q.ended, q.back = nil, nil
	slices.SortFunc(ended, func(a, b ending) int { return bySequence(a.entry, b.entry) })
	var wakes []*func()
	if q.arrived {
		q.arrived = false
		wakes = slices.Collect(maps.Keys(q.wakes))
	}
	q.mu.Unlock()

	for _, b := range back {
		q.returned(b.entry, b.why)
	}
	for _, e := range ended { // in the order of the queue
		q.finished(e.entry, e.status)
	}
	for _, wake := range wakes {
		(*wake)()
	}
}

// restore fills a new queue with what its journal has kept. What has expired
// meanwhile ends at once.
func (q *queue) restore() error {
	last, entries, err := q.journal.load()
	if err != nil {
		return err
	}
	q.update(func(time.Time) {
		q.sequence, q.ready, q.arrived = last, entries, len(entries) > 0
		for _, e := range entries {
			q.due(e.expires)
		}
	})
	q.update(func(time.Time) {})
	return nil
}

// subscribe has wake called, from any goroutine, when a message may be ready.
// wake must not block.
func (q *queue) subscribe(wake func()) (cancel func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wakes[&wake] = struct{}{}
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.wakes, &wake)
	}
}

// put enqueues m. A zero expires means the queue's own time to live.
func (q *queue) put(m *amqpwire.Message, expires time.Time) error {
	return q.putRecords(m, expires, nil)
}

// putRecords enqueues a message that holds the feedback records of the given
// keys.
func (q *queue) putRecords(m *amqpwire.Message, expires time.Time, records []string) (err error) {
	q.update(func(now time.Time) {
		if q.limits.pending > 0 && len(q.ready)+len(q.locked) >= q.limits.pending {
			err = errQueueFull
			return
		}
		if expires.IsZero() {
			expires = now.Add(q.limits.ttl)
		}
		e := &entry{message: m, sequence: q.sequence + 1, enqueued: now, expires: expires, records: records}
		if err = q.journal.save(e); err != nil {
			return
		}
		q.sequence++
		q.ready = append(q.ready, e)
		q.arrived = true
		q.due(e.expires)
	})
	return err
}

// take locks the first message that is ready and returns it as it is now, with
// the token that settles it.
func (q *queue) take() (e entry, token lockToken, ok bool) {
	q.update(func(now time.Time) {
		if len(q.ready) == 0 || q.closed {
			return
		}
		first := q.ready[0]
		q.ready = q.ready[1:]
		token = newLockToken()
		first.lockedUntil = now.Add(q.limits.lock)
		q.locked[token] = first
		q.due(first.lockedUntil)
		e, ok = *first, true
	})
	return e, token, ok
}

// settle carries out what the receiver wants done with the delivery that token
// names. It fails with errLockLost if the lock has run out meanwhile.
func (q *queue) settle(token lockToken, s settlement) (err error) {
	q.update(func(now time.Time) {
		e := q.locked[token]
		if e == nil {
			err = errLockLost
			return
		}
		delete(q.locked, token)
		// A message that expired in its receiver's hands can only be dead-lettered.
		if s == complete && !now.Before(e.expires) {
			err = errLockLost
			s = release
		}
		switch s {
		case complete:
			q.end(e, statusSuccess)
		case reject:
			q.end(e, statusRejected)
		case abandon:
			q.giveBack(e, now, "abandoned", true)
		case release:
			q.giveBack(e, now, "released", false)
		}
	})
	return err
}

// release gives deliveries back as if they had not been: all at once, else a
// receiver that waits could take a younger one before an older one is back.
// Those whose lock has run out are back already.
func (q *queue) release(tokens []lockToken) {
	q.update(func(now time.Time) {
		for _, t := range tokens {
			if e := q.locked[t]; e != nil {
				delete(q.locked, t)
				q.giveBack(e, now, "released", false)
			}
		}
	})
}

// empty reports whether no message is ready.
func (q *queue) empty() (empty bool) {
	q.update(func(time.Time) { empty = len(q.ready) == 0 })
	return empty
}

// purge ends all messages and returns how many there were.
func (q *queue) purge() (n int) {
	q.update(func(time.Time) {
		n = len(q.ready) + len(q.locked)
		for _, e := range q.ready {
			q.end(e, statusPurged)
		}
		for _, e := range q.locked {
			q.end(e, statusPurged)
		}
		q.ready = nil
		clear(q.locked)
	})
	return n
}

// pending returns the number of messages that are not final.
func (q *queue) pending() (n int) {
	q.update(func(time.Time) { n = len(q.ready) + len(q.locked) })
	return n
}

// close stops the clock of the queue: nothing expires any more, nothing is
// delivered.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.timer != nil {
		q.timer.Stop()
	}
}
