package main

import (
	"context"
	"time"
)

// Which message is tried when, of those that wait for room.

// retryNow lets the next message be tried, since time has passed.
func (q *rooms) retryNow(r *room) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r.armed = false
	r.probes = max(r.burst, 1)
	q.permit(r, r.probes)
}

// permit lets some more messages be tried. Called with mu held.
func (q *rooms) permit(r *room, n int) {
	if len(r.waiting) > 0 {
		r.permits = min(r.permits+n, len(r.waiting))
	}
	q.proceed(r)
}

// proceed sees to it that the messages of a room go on. Called with mu held.
func (q *rooms) proceed(r *room) {
	switch {
	case len(r.waiting) == 0:
	case r.permits > 0 && !r.listed:
		r.listed = true
		q.ready = append(q.ready, r)
		select {
		case q.wake <- struct{}{}:
		default:
		}
	case r.permits == 0 && !r.armed:
		r.armed = true
		now := time.Now()
		r.retry.Reset(max(min(r.wait, r.left(now, q.patience)), nextWait(0, 0)))
	}
}

// freed notes that a device has taken a message, as feedback says.
func (q *rooms) freed(target string) {
	if !q.some.Load() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if r := q.all[target]; r != nil {
		r.progress(0)
		q.permit(r, 1)
	}
}

// answered notes that the hub has said something else of a message than that there is no
// room. If it has taken it, there may be room for more, which feedback will tell if it
// comes.
func (q *rooms) answered(e *errand, taken bool) {
	if !q.some.Load() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.all[e.target()]
	if r == nil {
		return
	}
	r.back(e)
	if !taken {
		q.permit(r, 1)
		return
	}
	r.progress(e.took)
	if e.probe {
		r.burst = min(r.burst+1, maxBurst)
	}
	q.proceed(r)
}

// next returns the next message that may be tried, false when ctx ends.
func (q *rooms) next(ctx context.Context) (*errand, bool) {
	for {
		if e, ok := q.take(); ok {
			return e, true
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// take returns the first message of the device whose turn it is.
func (q *rooms) take() (*errand, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) > 0 {
		r := q.ready[0]
		q.ready = q.ready[1:]
		r.listed = false
		if len(r.waiting) == 0 || r.permits == 0 { // all were given up meanwhile
			q.proceed(r)
			continue
		}
		e := r.pop()
		q.leave(e)
		q.proceed(r)
		return e, true
	}
	return nil, false
}
