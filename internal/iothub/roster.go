package iothub

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// roster knows how the devices of a fleet are.
type roster struct {
	counts  [gone + 1]atomic.Int64 // of devices, by their states
	returns atomic.Int64
	ready   chan struct{} // closed when no device is new
	outage  *outage       // some are away

	moving sync.Mutex // held by whoever changes something
	reason error      // why the first device is gone
}

// memberState is how a device of a fleet is.
type memberState int

const (
	isNew     memberState = iota // it has never been connected
	connected                    // it has its link
	away                         // it has lost its link, and tries to get another
	gone                         // it was refused, or displaced
)

func newRoster(devices int, o Options) *roster {
	r := &roster{ready: make(chan struct{}), outage: newOutage(o)}
	r.counts[isNew].Store(int64(devices))
	if devices == 0 {
		close(r.ready)
	}
	return r
}

// move takes note that a device is in another state, and why if that is not good.
func (r *roster) move(m *member, to memberState, why error) {
	r.moving.Lock()
	defer r.moving.Unlock()
	from := m.state
	m.state = to
	r.counts[from].Add(-1)
	r.counts[to].Add(1)
	if from == away && to == connected {
		r.returns.Add(1)
	}
	if to == gone && r.reason == nil {
		r.reason = why
	}
	if from == isNew && r.counts[isNew].Load() == 0 {
		close(r.ready)
	}
	switch { // what is called here may ask for the status, which needs no lock
	case to == away:
		r.outage.lost(why)
	case from == away && r.counts[away].Load() == 0:
		r.outage.restored()
	}
}

// empty returns the error of a fleet all of whose devices are gone.
func (r *roster) empty() error {
	r.moving.Lock()
	defer r.moving.Unlock()
	if r.reason == nil {
		return errClosed
	}
	return fmt.Errorf("%w: %w", ErrNoDevice, r.reason)
}

// FleetStatus is how the devices of a fleet are.
type FleetStatus struct {
	Connected int // at present
	Gone      int // refused, or displaced by another receiver
	Returns   int // of devices that had lost their links
}

// Status returns how the devices are.
func (f *Fleet) Status() FleetStatus {
	r := f.roster
	return FleetStatus{int(r.counts[connected].Load()), int(r.counts[gone].Load()), int(r.returns.Load())}
}

// Ready is closed when every device has been connected once, or refused.
func (f *Fleet) Ready() <-chan struct{} { return f.roster.ready }
