package iothub

import (
	"sync"
	"sync/atomic"
	"time"
)

// outage tells the user when the connection is lost and when it is back, once
// each and in this order.
type outage struct {
	onLost     func(err error)           // nil: nobody
	onRestored func(after time.Duration) // nil: nobody

	over atomic.Bool // since is zero, for those who only want to know that

	mu      sync.Mutex
	since   time.Time // zero while there is a connection
	untold  []func()  // in order
	telling bool      // some goroutine is telling
}

func newOutage(o Options) *outage {
	out := &outage{onLost: o.Lost, onRestored: o.Restored}
	out.over.Store(true)
	return out
}

// newAway returns an outage that is going on: it has not been there yet.
func newAway(onLost func(err error), onRestored func(after time.Duration)) *outage {
	return &outage{onLost: onLost, onRestored: onRestored, since: time.Now()}
}

func (o *outage) lost(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() {
		return
	}
	o.since = time.Now()
	o.over.Store(false)
	if o.onLost != nil {
		o.tell(func() { o.onLost(err) })
	}
}

func (o *outage) restored() {
	if o.over.Load() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		return
	}
	after := time.Since(o.since)
	o.since = time.Time{}
	o.over.Store(true)
	if o.onRestored != nil {
		o.tell(func() { o.onRestored(after) })
	}
}

// tell calls f without mu, so that f may use the client, and after everything
// that was to be told before. Called with mu held.
func (o *outage) tell(f func()) {
	o.untold = append(o.untold, f)
	if o.telling {
		return // whoever is telling tells this too
	}
	o.telling = true
	for len(o.untold) > 0 {
		next := o.untold[0]
		o.untold = o.untold[1:]
		o.mu.Unlock()
		next()
		o.mu.Lock()
	}
	o.telling = false
}
