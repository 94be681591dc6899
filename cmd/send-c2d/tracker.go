package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// tracker waits for the feedback of the messages that were sent. A nil tracker
// has nothing to wait for.
type tracker struct {
	report   *report
	progress *iothub.Progress // of the service
	reader   *feedbackReader
	freed    func(target string) // hears of each message that a device is done with
	cancel   context.CancelFunc
	done     sync.WaitGroup

	mu        sync.Mutex
	pending   map[key][]*awaited // oldest first; a message id may be used again
	counts    [4]int             // of pending, by state
	answered  map[key]bool       // a message that was sent twice may be answered twice
	known     map[record]bool    // whether a record is ours: a batch may come again
	surveying bool               // nothing is sent yet: all records are about older messages
	changed   chan struct{}      // closed when pending changes; nil: nobody waits for that
	failure   error
}

// key is what a feedback record says about its message.
type key struct{ device, message string }

// awaited is a message that feedback is awaited for.
type awaited struct {
	message sentEvent
	key     key
	since   time.Time
	verdict
	early   *iothub.Feedback // feedback that came before the hub's answer
	latency time.Duration    // of early
	known   context.CancelFunc
}

// state is what is known of a message that has no feedback yet.
type state int

const (
	underWay state = iota // there is no answer of the hub yet
	accepted              // by the hub, and reported as sent
	doubtful              // the hub may have it; feedback would tell
	refused               // feedback may yet say otherwise
)

// verdict is the hub's answer to a message.
type verdict struct {
	state state
	why   reason // of a refusal
}

func newTracker(report *report) *tracker {
	return &tracker{
		report:   report,
		freed:    func(string) {},
		pending:  make(map[key][]*awaited),
		answered: make(map[key]bool),
		known:    make(map[record]bool),
	}
}

// askForFeedback starts to receive feedback, if the plan is to wait for it. It
// does so before anything is sent, so that none is missed. If the message ids may
// have been used before, it first looks for the feedback of the older messages.
// It calls freed when a device is done with a message, and failed if reading fails.
func (p *plan) askForFeedback(ctx context.Context, service *iothub.Service, progress *iothub.Progress,
	report *report, freed func(target string), failed func(error),
) (*tracker, error) {
	if !p.feedback {
		return nil, nil
	}
	t := newTracker(report)
	t.progress, t.freed = progress, freed
	t.reader = &feedbackReader{console: report.console, take: t.take, needed: t.needed}
	if err := t.reader.start(ctx, service); err != nil {
		return nil, err
	}
	if p.messages.repeatsIDs {
		if err := t.survey(ctx); err != nil {
			t.reader.close() // others wait for what it holds
			return nil, err
		}
	}
	ctx, t.cancel = context.WithCancel(ctx)
	t.done.Go(func() {
		err := t.reader.read(ctx)
		t.fail(err)
		failed(err)
	})
	return t, nil
}

// survey takes note of the records that are there already.
func (t *tracker) survey(ctx context.Context) error {
	phase := t.report.console.Phase(func() console.Waiting {
		return console.Waiting{For: "the feedback of older messages, whose ids may be the same"}
	})
	defer phase.End()
	t.surveying = true
	defer func() { t.surveying = false }()
	return t.reader.survey(ctx)
}

// stop ends the reader. The feedback of others goes back to the hub.
func (t *tracker) stop() {
	if t == nil {
		return
	}
	t.cancel()
	t.done.Wait()
	t.reader.close()
}

// expect announces a message before it is sent. The context that it returns ends
// when feedback comes: then the hub has the message, whatever its answer, and
// nothing more is to be sent.
func (t *tracker) expect(ctx context.Context, out *outgoing) (context.Context, *awaited) {
	ctx, known := context.WithCancel(ctx)
	message := newSentEvent(out)
	message.awaited = true
	a := &awaited{message: message, key: key{out.device, out.message.ID}, since: time.Now(), known: known}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending[a.key] = append(t.pending[a.key], a)
	t.counts[underWay]++
	t.wake()
	return ctx, a
}

// again notes that a message is sent only now, after all.
func (t *tracker) again(a *awaited) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.since = time.Now()
}

// isKnown reports whether feedback has come on the message.
func (t *tracker) isKnown(a *awaited) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return a.early != nil
}

// decide takes note of the hub's answer, which has been reported. Feedback that
// came before is reported now, so that the output is in order.
func (t *tracker) decide(a *awaited, v verdict) error {
	defer a.known() // its context is not needed any more
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[a.state]--
	t.counts[v.state]++
	a.verdict = v
	t.wake()
	if a.early == nil {
		return nil
	}
	t.remove(a)
	return t.tell(a, *a.early, a.latency)
}

// remove takes a message off the list. Called with mu held.
func (t *tracker) remove(a *awaited) {
	list := t.pending[a.key]
	if list = slices.DeleteFunc(list, func(b *awaited) bool { return b == a }); len(list) == 0 {
		delete(t.pending, a.key)
	} else {
		t.pending[a.key] = list
	}
	t.counts[a.state]--
	t.wake()
}

// wake lets those look who wait for a change. Called with mu held.
func (t *tracker) wake() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// unanswered returns how many messages the hub has accepted, and given no feedback
// on yet.
func (t *tracker) unanswered() int {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[accepted]
}

// outstanding returns how many messages need feedback. Called with mu held.
func (t *tracker) outstanding() int {
	return t.counts[underWay] + t.counts[accepted] + t.counts[doubtful]
}

// needed returns when there is something to wait for, or ctx ends.
func (t *tracker) needed(ctx context.Context) error {
	return t.until(ctx, func() bool { return t.outstanding() > 0 })
}

// until returns when a condition is true, which is asked for with mu held, or ctx
// ends.
func (t *tracker) until(ctx context.Context, condition func() bool) error {
	for {
		t.mu.Lock()
		met := condition()
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		switch {
		case met:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (t *tracker) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failure = err
	t.wake()
}
