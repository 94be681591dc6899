package broker

import (
	"errors"
	"slices"
	"time"
)

// What is asked of a queue and may have to be kept waits in line. A step takes from
// the line what it can, and its changes go into the journal as one. Until the
// journal has answered, memory is what it was, and the messages concerned are held:
// nobody takes, settles or expires them. What is asked meanwhile waits for the next
// step, for there is one at a time.
//
// So each operation ends as if it had been carried out and kept alone, one after
// the other, but a slow disk has many of them in one commit. Without a journal a
// step is over at once.

// operation is something that is asked of a queue, and waits for its turn.
type operation struct {
	do    func(*step) error
	alone bool        // it shares its step with no other
	done  func(error) // hears of the outcome, with no lock held

	err   error // of do
	keeps bool  // do has something to keep
}

// step is one update of a queue: all that happens at one moment.
type step struct {
	now        time.Time
	operations []operation
	changes    []Change // for the journal
	after      []func() // make the changes in memory, when they are kept
	held       []*entry
	unkept     unkept // from earlier, kept with the changes
	added      uint64 // messages
	growth     int    // of the queue, in messages
	over       bool   // its operations can be answered

	// What has happened in memory, and is to be told when the queue's lock is free.
	ended   []ending
	back    []comeback
	arrived bool // a message has become ready
}

type comeback struct {
	entry *entry
	why   string
}

func (s *step) change(changes ...Change) { s.changes = append(s.changes, changes...) }
func (s *step) then(f func())            { s.after = append(s.after, f) }

// hold keeps everybody from a message until the step is over.
func (s *step) hold(e *entry) {
	e.held = true
	s.held = append(s.held, e)
}

// do runs f on a queue in which everything that is due has happened. It is for
// what is not kept: it waits for nothing.
func (q *Queue) do(f func(*step)) {
	q.mu.Lock()
	s := q.begin(time.Now())
	f(s)
	pressing := q.pressing(s.now)
	q.tell(s)
	if pressing {
		q.mu.Lock()
		q.proceed()
	}
}

// update carries out f in a step of its own, and waits until that is kept. It
// returns the error of f, or why the changes of f were not made.
func (q *Queue) update(f func(*step) error) error {
	return wait(func(done func(error)) { q.submit(operation{do: f, alone: true, done: done}) })
}

// wait turns a call that answers later into one that returns the answer.
func wait[T any](call func(done func(T))) T {
	answer := make(chan T, 1)
	call(func(t T) { answer <- t })
	return <-answer
}

// submit puts an operation in line. Its outcome may be known before submit returns.
func (q *Queue) submit(o operation) {
	q.mu.Lock()
	q.line = append(q.line, o)
	q.proceed()
}

// proceed makes steps until nothing waits, or one has to wait for the journal. It
// is called with mu held, and unlocks it.
func (q *Queue) proceed() {
	for now := time.Now(); q.pressing(now); now = time.Now() {
		s := q.begin(now)
		q.gather(s)
		if len(s.changes) > 0 {
			q.underWay = true
			q.tell(s) // what has happened anyway
			q.journal.Commit(s.changes, func(err error) { q.finish(s, err) })
			return
		}
		q.carryOut(s)
		q.tell(s)
		q.mu.Lock()
	}
	q.mu.Unlock()
}

// finish ends a step that the journal has answered.
func (q *Queue) finish(s *step, err error) {
	q.mu.Lock()
	s.now = time.Now()
	if err == nil {
		q.carryOut(s)
	} else {
		q.takeBack(s, err)
	}
	q.tell(s)
	q.mu.Lock()
	q.underWay = false // only now, so that steps are told in their order
	q.proceed()
}

// tell unlocks the queue, and tells what has happened in the step so far: of the
// messages that came back and that ended, in the order of the queue. It wakes
// receivers if one became ready, and answers the operations of a step that is over.
func (q *Queue) tell(s *step) {
	q.schedule(s.now)
	var wakes []*func()
	if s.arrived {
		wakes = slices.Clone(q.wakes)
	}
	q.mu.Unlock()

	slices.SortFunc(s.back, func(a, b comeback) int { return bySequence(a.entry, b.entry) })
	for _, b := range s.back {
		q.owner.returned(b.entry, b.why)
	}
	if len(s.ended) > 0 {
		slices.SortFunc(s.ended, func(a, b ending) int { return bySequence(a.entry, b.entry) })
		q.owner.finished(s.ended)
	}
	s.back, s.ended, s.arrived = nil, nil, false
	for _, wake := range wakes {
		(*wake)()
	}
	if s.over {
		for _, o := range s.operations {
			o.done(o.err)
		}
	}
}

// The methods below are called with mu held.

// pressing reports whether it is time for a step.
func (q *Queue) pressing(now time.Time) bool {
	return !q.underWay && (len(q.line) > 0 || q.unkept.due(now) && !q.closed)
}

// begin starts a step in which everything has happened that is due.
func (q *Queue) begin(now time.Time) *step {
	s := &step{now: now}
	q.expire(s)
	return s
}

// gather carries out what waits in line, up to what has to wait for the next step,
// and completes the changes with what is left from earlier.
func (q *Queue) gather(s *step) {
	for i := range q.line {
		o := &q.line[i]
		if o.alone && i > 0 {
			break
		}
		before := len(s.after)
		o.err = o.do(s)
		if errors.Is(o.err, errHeld) {
			break
		}
		o.keeps = len(s.after) > before
		s.operations = q.line[:i+1]
		if o.alone {
			break
		}
	}
	if q.line = q.line[len(s.operations):]; len(q.line) == 0 {
		q.line = nil
	}
	if s.added > 0 {
		s.change(PutSequence{q.name, q.sequence + s.added})
	}
	if len(s.changes) == 0 && (q.closed || !q.unkept.due(s.now)) {
		return
	}
	s.unkept, q.unkept = q.unkept, unkept{}
	if _, none := q.journal.(noJournal); none {
		s.changes = nil
		return
	}
	s.changes = slices.Concat(s.unkept.first, s.unkept.changes(q.name), s.changes)
}

// carryOut makes in memory what is kept.
func (q *Queue) carryOut(s *step) {
	for _, f := range s.after {
		f()
	}
	s.ended = append(s.ended, s.unkept.ended...)
	q.letGo(s)
}

// takeBack leaves everything as it was before a step that could not be kept.
func (q *Queue) takeBack(s *step, err error) {
	q.log.Error("not kept on disk", "error", err)
	for i := range s.operations {
		if o := &s.operations[i]; o.keeps {
			o.err = err
		}
	}
	q.unkept = s.unkept.failed(s.now, q.unkept)
	for _, e := range s.held {
		q.due(e.deadline()) // the clock has passed it by
	}
	q.letGo(s)
}

// letGo ends a step.
func (q *Queue) letGo(s *step) {
	for _, e := range s.held {
		e.held = false
	}
	s.over = true
	if q.missed {
		q.missed, s.arrived = false, true
	}
}
