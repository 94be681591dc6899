package broker

import (
	"errors"
	"slices"
	"time"
)

// step is one update of a queue: all that happens at one moment.
type step struct {
	now        time.Time
	operations []operation
	journal    bool     // there is one
	changes    []Change // for the journal
	after      []func() // make the changes in memory, when they are kept
	held       []*entry
	unkept     *unkept // from earlier, kept with the changes; nil: nothing
	added      uint64  // messages
	growth     int     // of the queue, in messages
	over       bool    // its operations can be answered

	// What has happened in memory, and is to be told.
	watched bool // somebody hears of events
	events  []happening
	ended   []ending
	arrived bool // a message has become ready
	freed   bool // one has ended in a receiver's hands, which have room for another
}

// happening is what happened to a message, as in [Event].
type happening struct {
	kind   EventKind
	entry  *entry
	detail string
}

// happened notes an event.
func (s *step) happened(kind EventKind, e *entry, detail string) {
	if s.watched {
		s.events = append(s.events, happening{kind, e, detail})
	}
}

// finish notes that messages have ended.
func (s *step) finish(list ...ending) {
	s.ended = append(s.ended, list...)
	for _, x := range list {
		s.happened(EventFinished, x.entry, string(x.status))
	}
}

func (s *step) change(changes ...Change) { s.changes = append(s.changes, changes...) }
func (s *step) then(f func())            { s.after = append(s.after, f) }

// put and end are the changes of messages. They cost nothing without a journal.

func (s *step) put(queue string, e *Entry) {
	if s.journal {
		s.change(PutEntry{queue, *e})
	}
}

func (s *step) end(queue string, x *ending) {
	if s.journal {
		s.change(x.changes(queue)...)
	}
}

// hold keeps everybody from a message until the step is over. Without a journal
// nobody could come.
func (s *step) hold(e *entry) {
	if s.journal {
		e.held = true
		s.held = append(s.held, e)
	}
}

// do runs f on a queue in which everything that is due has happened. It is for
// what is not kept: it waits for nothing.
func (q *Queue) do(f func(*step)) {
	q.mu.Lock()
	s := q.begin(time.Now())
	f(s)
	pressing := q.pressing()
	q.tell(s)
	if pressing {
		q.mu.Lock()
		q.proceed()
	}
}

// tell unlocks the queue, and tells what has happened in the step so far, in the
// order of the queue. It wakes receivers if a message became ready, and answers the
// operations of a step that is over. Events are told before the lock is free: else
// those of the next step could come first.
func (q *Queue) tell(s *step) {
	q.schedule(s.now)
	slices.SortStableFunc(s.events, func(a, b happening) int { return bySequence(a.entry, b.entry) })
	for _, e := range s.events {
		q.owner.happened(e.kind, e.entry, e.detail)
	}
	var wakes []*func()
	if s.arrived || s.freed {
		wakes = slices.Clone(q.wakes)
	}
	q.mu.Unlock()

	if len(s.ended) > 0 {
		slices.SortFunc(s.ended, func(a, b ending) int { return bySequence(a.entry, b.entry) })
		q.owner.finished(s.ended)
	}
	s.events, s.ended, s.arrived, s.freed = nil, nil, false, false
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

// begin starts a step in which everything has happened that is due.
func (q *Queue) begin(now time.Time) *step {
	_, none := q.journal.(noJournal)
	s := &step{now: now, journal: !none, watched: q.owner.watched()}
	q.expire(s)
	return s
}

// gather carries out what waits in line, up to what has to wait for the next step.
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
}

// complete completes the changes, also with what is left from earlier.
func (q *Queue) complete(s *step) {
	if s.added > 0 && s.journal {
		s.change(PutSequence{q.name, q.sequence + s.added})
	}
	if len(s.changes) == 0 && !q.tryAgain() {
		return
	}
	u := q.unkept
	q.unkept = unkept{}
	if !s.journal {
		s.changes = nil
		s.finish(u.ended...)
		return
	}
	s.unkept = &u
	s.changes = slices.Concat(u.first, u.changes(q.name), s.changes)
}

// carryOut makes in memory what is kept.
func (q *Queue) carryOut(s *step) {
	for _, f := range s.after {
		f()
	}
	if s.unkept != nil {
		s.finish(s.unkept.ended...)
	}
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
