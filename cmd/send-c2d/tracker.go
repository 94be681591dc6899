package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// tracker waits for the feedback of the messages that were sent. A nil tracker
// has nothing to wait for.
type tracker struct {
	report *report
	reader *feedbackReader
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu        sync.Mutex
	pending   map[key][]*awaited // oldest first; a message id may be used again
	answered  map[key]bool       // a message that was sent twice may be answered twice
	known     map[record]bool    // whether a record is ours: a batch may come again
	surveying bool               // nothing is sent yet: all records are about older messages
	changed   chan struct{}      // closed and replaced when pending shrinks
	failure   error
}

// key is what a feedback record says about its message.
type key struct{ device, message string }

// awaited is a message that feedback is awaited for.
type awaited struct {
	since    time.Time
	accepted bool             // by the hub, and reported as sent
	early    *iothub.Feedback // feedback that came before that
	latency  time.Duration    // of early
}

// askForFeedback starts to receive feedback, if the plan is to wait for it. It
// does so before anything is sent, so that none is missed. If the message ids may
// have been used before, it first looks for the feedback of the older messages.
// If reading fails it calls failed.
func (p *plan) askForFeedback(ctx context.Context, service *iothub.Service, report *report, failed func(error)) (*tracker, error) {
	if !p.feedback {
		return nil, nil
	}
	t := newTracker(report)
	reader, err := newReader(ctx, service, t.take, nil)
	if err != nil {
		return nil, err
	}
	if p.messages.repeatsIDs {
		t.surveying = true
		if err := reader.survey(ctx); err != nil {
			return nil, err
		}
		t.surveying = false
	}
	ctx, cancel := context.WithCancel(ctx)
	t.reader, t.cancel = reader, cancel
	t.done.Go(func() {
		err := reader.read(ctx)
		t.fail(err)
		failed(err)
	})
	return t, nil
}

func newTracker(report *report) *tracker {
	return &tracker{
		report:   report,
		pending:  make(map[key][]*awaited),
		answered: make(map[key]bool),
		known:    make(map[record]bool),
		changed:  make(chan struct{}),
	}
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

// expect announces a message before it is sent.
func (t *tracker) expect(out outgoing) *awaited {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := &awaited{since: time.Now()}
	k := key{out.device, out.message.ID}
	t.pending[k] = append(t.pending[k], a)
	return a
}

// accepted says that the hub has accepted the message. Feedback that came before
// is reported now, so that the output is in order.
func (t *tracker) accepted(a *awaited) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.accepted = true
	if a.early == nil {
		return nil
	}
	return t.report.feedback(*a.early, a.latency)
}

// forget takes back an announcement: the message was not sent.
func (t *tracker) forget(out outgoing, a *awaited) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := key{out.device, out.message.ID}
	t.remove(k, slices.Index(t.pending[k], a))
}

// remove takes a message off the list. Called with mu held.
func (t *tracker) remove(k key, i int) {
	if i < 0 {
		return
	}
	if t.pending[k] = slices.Delete(t.pending[k], i, i+1); len(t.pending[k]) == 0 {
		delete(t.pending, k)
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

// outstanding returns how many messages have no feedback yet.
func (t *tracker) outstanding() (n int) {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, list := range t.pending {
		n += len(list)
	}
	return n
}

// feedbackWait says how long to wait for feedback.
type feedbackWait struct {
	limit time.Duration // after the last message was sent; 0: none
	ack   iothub.Ack    // that was asked for: the reason why there may be none
}

var errNoFeedback = errors.New("no feedback")

// await waits for the feedback that is outstanding.
func (t *tracker) await(ctx context.Context, w feedbackWait) error {
	if t == nil {
		return nil
	}
	if w.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, w.limit, errNoFeedback)
		defer cancel()
	}
	const noteDelay = 3 * time.Second
	note := time.AfterFunc(noteDelay, func() {
		t.report.console.Note("Waiting for feedback: it comes when the device is done with the message, and Azure collects it for up to 15 s.")
	})
	defer note.Stop()
	err := t.wait(ctx)
	if !errors.Is(err, errNoFeedback) {
		return err
	}
	return console.Fail(fmt.Errorf("no feedback for %d of %d messages within %s", t.outstanding(), t.report.accepted(), w.limit),
		console.ExitTimeout, t.silenceHint(w.ack))
}

// silenceHint says why there may be no feedback.
func (t *tracker) silenceHint(ack iothub.Ack) string {
	byAck := map[iothub.Ack]string{
		iothub.AckPositive: "--ack positive brings no feedback on failure: to know of both, use --ack full",
		iothub.AckNegative: "--ack negative brings no feedback on success: to know of both, use --ack full",
	}
	hint := cmp.Or(byAck[ack], "a message is in the device's queue until it expires; is the device connected?")
	if n := t.reader.left.Load(); n > 0 {
		hint += fmt.Sprintf(" (feedback records of others in the hub's queue: %d; if nobody reads them, `send-c2d feedback` takes them off)", n)
	}
	return hint
}

// wait returns when there is feedback on every message, or never will be.
func (t *tracker) wait(ctx context.Context) error {
	for {
		t.mu.Lock()
		empty, changed, failure := len(t.pending) == 0, t.changed, t.failure
		t.mu.Unlock()
		switch {
		case empty:
			return nil // even if the connection has failed by now
		case failure != nil:
			return failure
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
	close(t.changed)
	t.changed = make(chan struct{})
}
