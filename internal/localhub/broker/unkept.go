package broker

import (
	"slices"
	"time"
)

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

// failed returns what is to be tried again after u could not be kept, with what has
// happened meanwhile.
func (u *unkept) failed(now time.Time, since unkept) unkept {
	interval := min(max(2*u.interval, minRetry), maxRetry)
	return unkept{
		first:    u.first,
		ended:    slices.Concat(u.ended, since.ended),
		counted:  slices.Concat(u.counted, since.counted),
		retry:    now.Add(interval),
		interval: interval,
	}
}
