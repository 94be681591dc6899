package main

import (
	"slices"
	"time"

	"iothub-c2d/internal/console"
)

// patience is how long to wait for a device to take a message from its full queue.
type patience struct {
	first time.Duration // from the first refusal, while it is not known to take any
	next  time.Duration // from the last message that it has taken
}

// defaultPatience suits a device that takes its messages, or is about to be started.
// One that has taken nothing for 10 s is not connected, or has stopped.
var defaultPatience = patience{10 * time.Second, time.Minute}

// room is what is known of the queue of a device or module that was full at least once,
// and the messages that wait for room in it, in order.
type room struct {
	target  string
	waiting []*errand
	trying  []*errand // those that waited, and are on their way to the hub
	permits int       // how many may be tried now
	probes  int       // of the permits, those that no feedback has given
	listed  bool      // among those that have permits

	retry *time.Timer   // gives a permit if nothing else does
	armed bool          // it runs
	wait  time.Duration // before it does
	burst int           // how many permits
	grown time.Time     // when wait became longer, and burst smaller

	taken    time.Time // when the device last took a message; before that, when it was first asked to
	takes    bool      // it has taken one since the first refusal
	hopeless bool      // a wait was of no use, and nothing was taken since
	told     bool      // that it is full
	phase    *console.Phase
}

// begin notes that messages wait again.
func (r *room) begin(now time.Time, p patience) {
	if now.Sub(r.taken) > p.first {
		r.taken, r.takes = now, false
	}
	r.permits, r.probes = 0, 0
}

// put adds a message, which may have been tried, behind those that were to be sent before
// it.
func (r *room) put(e *errand) {
	r.untry(e)
	e.tried, e.probe = false, false
	i := len(r.waiting)
	for i > 0 && r.waiting[i-1].n > e.n {
		i--
	}
	r.waiting = slices.Insert(r.waiting, i, e)
}

// pop takes the first message off.
func (r *room) pop() *errand {
	e := r.waiting[0]
	r.waiting[0] = nil // for the garbage collector
	r.waiting = r.waiting[1:]
	r.permits--
	r.trying = append(r.trying, e)
	e.tried, e.probe = true, r.probes > 0
	r.probes = max(r.probes-1, 0)
	return e
}

// back notes that a message, which may have been tried, will be tried no more.
func (r *room) back(e *errand) {
	r.untry(e)
	if !r.isBusy() && r.phase != nil {
		r.phase.End()
		r.phase = nil
	}
}

// untry takes a message off those that are tried, if it is among them.
func (r *room) untry(e *errand) {
	if e.tried {
		r.trying = slices.DeleteFunc(r.trying, func(other *errand) bool { return other == e })
	}
}

// isBusy reports whether there are messages that wait, or are tried after that.
func (r *room) isBusy() bool { return len(r.waiting)+len(r.trying) > 0 }

// isTrying reports whether a message is tried that was to be sent before e.
func (r *room) isTrying(e *errand) bool {
	return slices.ContainsFunc(r.trying, func(other *errand) bool { return other.n < e.n })
}

// left returns how long to wait for the device yet.
func (r *room) left(now time.Time, p patience) time.Duration {
	limit := p.first
	if r.takes {
		limit = p.next
	}
	return r.taken.Add(limit).Sub(now)
}

// refused notes that there is no room for a message. Of the
// refusals of several messages at once, only one makes the wait longer.
func (r *room) refused(now time.Time, e *errand) {
	if now.Sub(r.grown) < r.wait {
		return
	}
	if e.probe && r.burst > 1 {
		r.burst /= 2
	} else {
		r.wait = nextWait(r.wait, e.took)
	}
	r.grown = now
}

// maxBurst is how many messages are tried at once though nothing says that there is
// room.
const maxBurst = 16

// progress notes that the device has taken a message. The hub's answer to it took some
// time; 0 if that is not known.
func (r *room) progress(answer time.Duration) {
	r.taken, r.takes, r.hopeless = time.Now(), true, false
	if answer > 0 {
		r.wait = nextWait(0, answer)
	}
	if r.phase != nil {
		r.phase.Progress()
	}
}

// nextWait returns how long to wait for room in a queue, after a wait that was of no
// use, if it is not 0. The first is as long as the hub took to say that there is none:
// a device that is as near takes messages as fast.
func nextWait(last, answer time.Duration) time.Duration {
	const shortest, longest = 2 * time.Millisecond, 2 * time.Second
	if last == 0 {
		last = answer / 2
	}
	return min(max(2*last, shortest), longest)
}
