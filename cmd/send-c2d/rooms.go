package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/console"
)

// rooms keeps the messages for devices whose queues are full, so that they hold up no
// others. A message of such a device is tried when feedback says that the device has
// taken one, and from time to time: several at once while that succeeds, ever less often
// while it does not.
type rooms struct {
	console  *console.Console
	patience patience
	ordered  bool          // only one message is in flight: none may overtake another
	places   chan struct{} // one for each message that waits behind others
	wake     chan struct{} // one place: some message may be tried
	some     atomic.Bool   // some queue was full: before that, nobody needs mu

	mu    sync.Mutex
	all   map[string]*room // by target
	ready []*room          // those with permits, each in its turn
	told  int              // notes of full queues
	over  bool             // nothing is kept any more
}

// maxBehind is how many messages may wait behind others, those of all devices together.
// Then no more are made.
const maxBehind = 1000

func newRooms(c *console.Console, p pace) *rooms {
	return &rooms{
		console: c, patience: p.patience, ordered: p.inFlight == 1,
		places: make(chan struct{}, maxBehind), wake: make(chan struct{}, 1), all: make(map[string]*room),
	}
}

// park keeps a new message if others wait for room in the same queue, and reports
// whether it does. It may wait for a place.
func (q *rooms) park(ctx context.Context, e *errand) bool {
	if !q.some.Load() || !q.isWaiting(e.target()) {
		return false
	}
	select {
	case q.places <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	e.place = true
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.all[e.target()]
	if q.over || !q.holds(r) { // by now
		<-q.places
		return false
	}
	r.put(e)
	q.proceed(r)
	return true
}

// behind keeps a message if one that was to be sent before it waits for room in the
// same queue, or has left it and is on its way, and reports whether it does.
func (q *rooms) behind(e *errand) bool {
	if !q.some.Load() {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.all[e.target()]
	if q.over || r == nil {
		return false
	}
	overtakes := len(r.waiting) > 0 && r.waiting[0].n <= e.n || q.ordered && r.isTrying(e)
	if !overtakes {
		return false
	}
	r.put(e)
	q.proceed(r)
	return true
}

func (q *rooms) isWaiting(target string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.all[target]
	return r != nil && q.holds(r)
}

// holds reports whether new messages must wait behind those of a room. One that is
// tried may be on its way yet, and does not wait any more. Called with mu held.
func (q *rooms) holds(r *room) bool { return len(r.waiting) > 0 || q.ordered && len(r.trying) > 0 }

// postpone keeps a message that the hub has refused for want of room. It returns false
// if the wait is over, or of no use, and the other messages that waited with it.
func (q *rooms) postpone(e *errand) (kept bool, others []*errand) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.some.Store(true)
	r, now := q.room(e.target()), time.Now()
	if !r.isBusy() {
		r.begin(now, q.patience)
	}
	r.refused(now, e)
	if q.over || r.hopeless || r.left(now, q.patience) <= 0 {
		r.hopeless = true
		others = q.empty(r)
		r.back(e)
		return false, others
	}
	r.put(e)
	if r.phase == nil {
		r.phase = q.console.Phase(func() console.Waiting { return console.Waiting{For: "room in the queue of " + r.target} })
		q.tell(r)
	}
	q.proceed(r)
	return true, nil
}

// room returns the room of a target, which may be new. Called with mu held.
func (q *rooms) room(target string) *room {
	r := q.all[target]
	if r == nil {
		r = &room{target: target}
		r.retry = time.AfterFunc(time.Hour, func() { q.retryNow(r) })
		r.retry.Stop()
		q.all[target] = r
	}
	return r
}

// mostNotes is how many full queues are told one by one.
const mostNotes = 10

// tell says that a queue is full, once for each. Called with mu held.
func (q *rooms) tell(r *room) {
	if r.told {
		return
	}
	r.told = true
	switch q.told++; {
	case q.told > mostNotes+1:
	case q.told > mostNotes:
		q.console.Note("More queues are full.")
	case q.patience.first == q.patience.next:
		q.console.Note("The queue of %s is full: waiting up to %s for room.", r.target, q.patience.first)
	default:
		q.console.Note("The queue of %s is full: waiting for room while the device takes messages.", r.target)
	}
}

// empty takes all messages out of a room. Called with mu held.
func (q *rooms) empty(r *room) []*errand {
	list := r.waiting
	r.waiting = nil
	for _, e := range list {
		q.leave(e)
	}
	return list
}

// leave gives the place of a message back. Called with mu held.
func (q *rooms) leave(e *errand) {
	if e.place {
		<-q.places
		e.place = false
	}
}

// close stops what would happen later, and returns what still waits.
func (q *rooms) close() (left []*errand) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.over = true
	for _, r := range q.all {
		r.retry.Stop()
		left = append(left, q.empty(r)...)
		if r.phase != nil {
			r.phase.End()
			r.phase = nil
		}
	}
	return left
}
