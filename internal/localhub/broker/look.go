package broker

import "slices"

// Empty reports whether no message is ready.
func (q *Queue) Empty() (empty bool) {
	q.do(func(*step) { empty = len(q.ready) == 0 })
	return empty
}

// Len returns the number of messages that are not final, those in receivers'
// hands included.
func (q *Queue) Len() (n int) {
	q.do(func(*step) { n = q.size() })
	return n
}

// MessageIDs returns the ids of the messages that [Queue.Len] counts, in the order
// of their sequence numbers.
func (q *Queue) MessageIDs() (ids []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.all() {
		ids = append(ids, e.Message.ID)
	}
	return ids
}

// Lost returns those of the tokens that settle nothing any more: the lock has run
// out, or the message is gone.
func (q *Queue) Lost(tokens []LockToken) (lost []LockToken) {
	q.do(func(*step) {
		for _, t := range tokens {
			if q.locked[t] == nil {
				lost = append(lost, t)
			}
		}
	})
	return lost
}

// The methods below are called with mu held.

func (q *Queue) size() int { return len(q.ready) + len(q.locked) }

// all returns the messages that are not final, by sequence number.
func (q *Queue) all() []*entry {
	all := slices.Clone(q.ready)
	for _, e := range q.locked {
		all = append(all, e)
	}
	slices.SortFunc(all, bySequence)
	return all
}
