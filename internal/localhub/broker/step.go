package broker

import (
	"maps"
	"slices"
	"time"
)

// step is one update of a queue: all that happens at one moment. Its changes go
// into the journal as one, and only then is it true in memory.
type step struct {
	now     time.Time
	changes []Change
	after   []func()   // makes the changes in memory, when they are kept
	ended   []ending   // to be reported when the queue's lock is free again,
	back    []comeback // as are these
	arrived bool       // a message has become ready
	added   uint64     // messages so far
}

type comeback struct {
	entry *entry
	why   string
}

func (s *step) change(changes ...Change) { s.changes = append(s.changes, changes...) }
func (s *step) then(f func())            { s.after = append(s.after, f) }

// do is update for what changes nothing in the journal by itself.
func (q *Queue) do(f func(*step)) {
	_ = q.update(func(s *step) error { // no changes, no error
		f(s)
		return nil
	})
}

// update runs f on a queue in which everything that is due has happened, keeps
// the changes, then reports the messages that came back and that ended, in the
// order of the queue, and wakes receivers if one became ready. It returns the error of f, which then has changed nothing, or
// why the changes of f were not made.
func (q *Queue) update(f func(*step) error) error {
	q.mu.Lock()
	s := &step{now: time.Now()}
	q.expire(s)
	err := f(s)
	if failed := q.keep(s); err == nil {
		err = failed
	}
	q.schedule(s.now)
	var wakes []*func()
	if s.arrived {
		wakes = slices.Collect(maps.Keys(q.wakes))
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
	for _, wake := range wakes {
		(*wake)()
	}
	return err
}

// unkept is what has happened by itself, in memory, and is not in the journal
// yet. Nobody waits for an answer, so it is tried again until it is.
type unkept struct {
	first    []Change // go with the first change that is ever kept of the queue
	ended    []ending // not reported as long as they are not kept
	counted  []*entry // whose delivery count has gone up
	retry    time.Time
	interval time.Duration
}

// How long the queue waits before it tries again: twice as long each time.
const (
	minRetry = time.Second
	maxRetry = time.Minute
)

func (u *unkept) empty() bool { return len(u.ended)+len(u.counted) == 0 }

func (u *unkept) changes(queue string) (changes []Change) {
	for _, e := range u.counted {
		changes = append(changes, PutEntry{queue, e.Entry})
	}
	for _, x := range u.ended {
		changes = append(changes, x.changes(queue)...)
	}
	return changes
}

// keep commits the changes of the step with those that are left from earlier. It
// fails if the step had some, and they could not be kept. Called with mu held.
func (q *Queue) keep(s *step) error {
	if err := q.commit(s); err != nil && len(s.changes) > 0 {
		return err
	}
	for _, f := range s.after {
		f()
	}
	return nil
}

func (q *Queue) commit(s *step) error {
	u := &q.unkept
	if len(s.changes) == 0 && (u.empty() || q.closed || s.now.Before(u.retry)) {
		return nil
	}
	changes := slices.Concat(u.first, u.changes(q.name), s.changes)
	if err := q.journal.Commit(changes); err != nil {
		q.log.Error("not kept on disk", "error", err)
		u.interval = min(max(2*u.interval, minRetry), maxRetry)
		u.retry = s.now.Add(u.interval)
		return err
	}
	s.ended = append(s.ended, u.ended...)
	*u = unkept{}
	return nil
}
