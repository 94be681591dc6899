package iothub

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Progress tells what the operations of a client wait for. The zero value is
// ready to be given to one client, by [Options]. It can be asked at any time, also
// while the client connects.
type Progress struct {
	mu    sync.Mutex
	waits map[*wait]bool // of the operations under way
	stage string         // of connecting and attaching, whichever operation does it
}

// Waiting is what an operation waits for.
type Waiting struct {
	For    string    // such as [ForCredit]
	Since  time.Time // when the operation began to wait
	Reason error     // why the last attempt failed; nil if none has
}

// What operations wait for.
const (
	ForConnection     = "the connection"
	forWord           = "a word of the server, which accepts the connection and says nothing"
	forAuthentication = "the hub to accept the token"
	forLink           = "the link"
	ForCredit         = "credit" // to send a message
	ForAnswer         = "the hub's answer"
	ForRetry          = "the next attempt" // after one that the hub refused for the moment
	ForTurn           = "a turn: the hub takes no more messages at a time"
	// forStage stands for one of the first four.
	forStage = "stage"
	// forMessage is no reason to worry: it may take for ever.
	forMessage = ""
)

// Waiting returns what the operation waits for that has waited longest, false if
// none waits. To wait for a message, or for feedback, does not count.
func (p *Progress) Waiting() (longest Waiting, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.waits {
		if now := w.now(); now.For != forMessage && (!ok || now.Since.Before(longest.Since)) {
			longest, ok = now, true
		}
	}
	return p.resolve(longest), ok
}

// resolve puts the stage in. Called with mu held.
func (p *Progress) resolve(w Waiting) Waiting {
	if w.For == forStage {
		w.For = cmp.Or(p.stage, ForConnection)
	}
	return w
}

// reached takes note of the stage of connecting and attaching.
func (p *Progress) reached(stage string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage = stage
}

// wait is what one operation waits for.
type wait struct {
	progress *Progress

	mu sync.Mutex
	Waiting
}

// begin takes note of an operation, until end.
func (p *Progress) begin(what string) *wait {
	w := &wait{progress: p, Waiting: Waiting{For: what, Since: time.Now()}}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waits == nil {
		p.waits = make(map[*wait]bool)
	}
	p.waits[w] = true
	return w
}

func (w *wait) end() {
	w.progress.mu.Lock()
	defer w.progress.mu.Unlock()
	delete(w.progress.waits, w)
}

func (w *wait) now() Waiting {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Waiting
}

// on takes note of what the operation waits for next.
func (w *wait) on(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case what == forMessage:
		w.Reason = nil
	case w.For == forMessage:
		w.Since = time.Now()
	}
	w.For = what
}

// failed takes note of why an attempt has failed.
func (w *wait) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Reason = err
}

// WaitError is the error of an operation whose context has ended. It names what
// the operation was waiting for.
type WaitError struct {
	Waiting
	err error // the context's, at least
}

// Error says what was waited for, and in vain.
func (e *WaitError) Error() string {
	text := fmt.Sprintf("waiting for %s: %v", e.For, e.err)
	if e.Reason != nil && !strings.Contains(text, e.Reason.Error()) {
		text += ": " + e.Reason.Error()
	}
	return text
}

// Unwrap returns the context's error, and the reason.
func (e *WaitError) Unwrap() []error {
	if e.Reason == nil {
		return []error{e.err}
	}
	return []error{e.err, e.Reason}
}

// ended returns the error of the operation if ctx has ended it with err.
func (w *wait) ended(ctx context.Context, err error) error {
	err = ended(ctx, err)
	now := w.now()
	if now.For == forMessage {
		return err
	}
	w.progress.mu.Lock()
	defer w.progress.mu.Unlock()
	return &WaitError{Waiting: w.progress.resolve(now), err: err}
}
