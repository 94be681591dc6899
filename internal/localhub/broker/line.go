package broker

import "time"

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
	for q.pressing() {
		s := q.begin(time.Now())
		q.gather(s)
		q.complete(s)
		if len(s.changes) > 0 {
			q.underWay = true
			q.tell(s) // what has happened anyway
			q.journal.Commit(s.changes, func(err error) { q.finish(s, err) })
			return
		}
		q.carryOut(s)
		pressing := q.pressing()
		q.tell(s)
		if !pressing {
			return // who comes now sees to it that it goes on
		}
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

// The methods below are called with mu held.

// pressing reports whether it is time for a step.
func (q *Queue) pressing() bool { return !q.underWay && (len(q.line) > 0 || q.tryAgain()) }

// tryAgain reports whether it is time to keep what has happened by itself.
func (q *Queue) tryAgain() bool {
	return !q.unkept.empty() && !q.closed && !time.Now().Before(q.unkept.retry)
}
