package amqpserver

import "sync"

// wakes collects what other goroutines want the owner to look at.
type wakes struct {
	signal chan struct{} // one place: there is something to do

	mu    sync.Mutex
	all   bool
	links []*Link // each of them once
	spare []*Link // takes the place of links, to save memory

	settled      []result // that the owner has not seen
	settledSpare []result
}

func newWakes() wakes { return wakes{signal: make(chan struct{}, 1)} }

// nudge makes the owner look around. It never blocks.
func (w *wakes) nudge() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *wakes) add(l *Link) {
	w.mu.Lock()
	if !l.woken {
		l.woken = true
		w.links = append(w.links, l)
	}
	w.mu.Unlock()
	w.nudge()
}

func (w *wakes) addAll() {
	w.mu.Lock()
	w.all = true
	w.mu.Unlock()
	w.nudge()
}

// take returns what has been added. The links are valid until the next call.
func (w *wakes) take() (links []*Link, all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	links, all = w.links, w.all
	for _, l := range links {
		l.woken = false
	}
	clear(w.spare)
	w.links, w.spare, w.all = w.spare[:0], links, false
	return links, all
}

// settle passes a result to the owner.
func (w *wakes) settle(r result) {
	w.mu.Lock()
	w.settled = append(w.settled, r)
	first := len(w.settled) == 1
	w.mu.Unlock()
	if first {
		w.nudge()
	}
}

// results returns the results that have come. They are valid until the next call.
func (w *wakes) results() []result {
	w.mu.Lock()
	defer w.mu.Unlock()
	came := w.settled
	clear(w.settledSpare)
	w.settled, w.settledSpare = w.settledSpare[:0], came
	if cap(came) > maxSpare {
		w.settledSpare = nil // a burst leaves nothing behind
	}
	return came
}

// maxSpare is how many results an idle connection has room for.
const maxSpare = 64

// Wake makes the owner ask all sources for messages. It may be called from any
// goroutine, and never blocks.
func (c *Conn) Wake() { c.wakes.addAll() }

// look lets the links that were woken send what has become ready, or end.
func (c *Conn) look() {
	links, all := c.wakes.take()
	if !all {
		for _, l := range links {
			l.look()
		}
		return
	}
	for _, s := range c.sessions {
		s.look()
	}
}
