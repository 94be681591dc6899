package console

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"iothub-c2d/internal/iothub"
)

// Waiting says what a run waits for.
type Waiting struct {
	For  string // such as "the hub's answer to message 3"; empty: nothing worth telling
	Last string // the last reason why that has not come yet, empty if there is none
	// Expected says that it has been told, and will come: it is no reason for a note.
	Expected bool
}

// String returns both in a few words.
func (w Waiting) String() string {
	if w.Last == "" {
		return w.For
	}
	return w.For + "; last: " + clause(w.Last)
}

// clause returns the words of a hub as a part of a sentence: without their full stop.
func clause(text string) string { return strings.TrimSuffix(oneLine(text), ".") }

// Reason returns the words for why something has not come.
func Reason(err error) string {
	var hub *iothub.HubError
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &hub):
		return err.Error()
	case hub.Message == "":
		return hub.Condition
	}
	return hub.Condition + ": " + hub.Message
}

// WaitingClient returns a function for [Console.Phase] that says what a client
// waits for, other than messages and feedback.
func WaitingClient(progress *iothub.Progress) func() Waiting {
	return func() Waiting {
		w, ok := progress.Waiting()
		if !ok || time.Since(w.Since) < noteAfter { // the phase may have begun long before
			return Waiting{}
		}
		return Waiting{For: w.For, Last: Reason(w.Reason)}
	}
}

// Phase is a part of a run that waits for something. Several may go on at once.
type Phase struct {
	watch   *watch
	waiting func() Waiting
	since   time.Time // of the last progress; guarded by the watch
}

// Phase begins a phase. Once there has been no progress in it for 3 s, a note
// says what it waits for. The note is repeated after 30 s, then each minute, and
// when there is another reason. If --timeout ends the run, its error says what
// was waited for longest.
//
// waiting is called at any time, from other goroutines. It must not end a phase.
func (c *Console) Phase(waiting func() Waiting) *Phase {
	p := &Phase{watch: &c.watch, waiting: waiting}
	c.watch.add(p, c.Note)
	return p
}

// Progress says that something that was waited for has come, though not all.
func (p *Phase) Progress() {
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	p.since = time.Now()
}

// End ends the phase: nothing is waited for any more.
func (p *Phase) End() { p.watch.remove(p) }

// watch tells what a run waits for. Its zero value has nothing to tell. Phases come
// and go with every message, so neither looks at the others, or at the timer.
type watch struct {
	mu     sync.Mutex
	phases map[*Phase]bool
	timer  *time.Timer // of the next look; nil if it has found no phase

	// Of the notes so far.
	told   int
	last   time.Time
	reason string // that the last one gave
}

// The times of the notes, and how often the watch looks whether one is due.
const (
	noteAfter    = 3 * time.Second
	secondAfter  = 30 * time.Second
	noteInterval = time.Minute
	lookInterval = 500 * time.Millisecond
)

func (w *watch) add(p *Phase, note func(format string, args ...any)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.since = time.Now()
	if w.phases == nil {
		w.phases = make(map[*Phase]bool)
	}
	w.phases[p] = true
	if w.timer == nil {
		w.timer = time.AfterFunc(lookInterval, func() { w.look(note) })
	}
}

func (w *watch) remove(p *Phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.phases, p)
}

// look tells what is waited for longest, if it is time to.
func (w *watch) look(note func(format string, args ...any)) {
	waiting, silence := w.longest()
	w.mu.Lock()
	due := waiting.For != "" && !waiting.Expected && silence >= noteAfter && w.due(waiting.Last)
	if due {
		w.told++
		w.last, w.reason = time.Now(), waiting.Last
	}
	if len(w.phases) == 0 {
		w.timer = nil
	} else {
		w.timer.Reset(lookInterval)
	}
	w.mu.Unlock()
	if due {
		note("Waiting for %s.", waiting)
	}
}

// due reports whether the next note may follow the last one by now. Called with
// mu held.
func (w *watch) due(reason string) bool {
	passed := time.Since(w.last)
	switch {
	case w.told == 0:
		return true
	case reason != w.reason:
		return passed >= noteAfter
	case w.told == 1:
		return passed >= secondAfter-noteAfter
	}
	return passed >= noteInterval
}

// longest returns what has been waited for longest, and how long that is. It asks
// without mu, since the answer may have to wait for other locks.
func (w *watch) longest() (waiting Waiting, silence time.Duration) {
	w.mu.Lock()
	var oldest *Phase
	for p := range w.phases {
		if oldest == nil || p.since.Before(oldest.since) {
			oldest = p
		}
	}
	if oldest == nil {
		w.mu.Unlock()
		return Waiting{}, 0
	}
	silence = time.Since(oldest.since)
	w.mu.Unlock()
	return oldest.waiting(), silence
}

// timeUp returns the error of a run that --timeout ends.
func (w *watch) timeUp() error {
	waiting, _ := w.longest()
	if waiting.For == "" {
		return ErrTimeout
	}
	return fmt.Errorf("%w: waiting for %s", ErrTimeout, waiting)
}
