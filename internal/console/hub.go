package console

import (
	"sync"
	"time"

	"iothub-c2d/internal/iothub"
)

// Connecting begins the phase in which a run connects to a hub.
func (c *Console) Connecting(hub string, p *iothub.Progress) *Phase {
	return c.Phase(func() Waiting {
		w, _ := p.Waiting()
		if w.For == "" || w.For == iothub.ForConnection {
			w.For = iothub.ForConnection + " to " + hub
		}
		return Waiting{For: w.For, Last: Reason(w.Reason)}
	})
}

// outage is the time in which a hub that was there is away. Its zero value is none.
type outage struct {
	mu       sync.Mutex
	since    time.Time // zero while the hub is there
	why      error     // the last attempt to reach it has failed, or the connection ended
	phase    *Phase
	progress *iothub.Progress
}

// lost tells that the hub has gone away, and begins the phase that tells again while
// it stays away.
func (c *Console) lost(err error, p *iothub.Progress) {
	c.Note("connection lost: %s; reconnecting", clause(err.Error()))
	o := &c.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since, o.why, o.progress = time.Now(), err, p
	o.phase = c.Phase(o.waiting)
}

// waiting says what is waited for while the hub is away.
func (o *outage) waiting() Waiting {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w, _ := o.progress.Waiting(); w.Reason != nil {
		o.why = w.Reason
	}
	return Waiting{For: "the hub to come back", Last: Reason(o.why)}
}

// restored tells that the hub is back.
func (c *Console) restored(after time.Duration) {
	c.Note("connection restored after %s", Span(after))
	o := &c.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since = time.Time{}
	o.phase.End()
}

// tellOutage tells at the end of a run that the hub is away.
func (c *Console) tellOutage() {
	o := &c.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() {
		c.Note("The hub has been away for %s: %s", Span(time.Since(o.since)), oneLine(Reason(o.why)))
	}
}
