package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"iothub-c2d/internal/iothub"
)

// tracker waits for the feedback of the messages that were sent.
type tracker struct {
	report *report
	reader *feedbackReader
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu        sync.Mutex
	pending   map[key][]*awaited // oldest first; a message id may be used again
	answered  map[key]bool       // what was sent twice in doubt may also be answered twice
	verdicts  map[record]bool    // whether a record is ours: a batch may come again
	surveying bool               // nothing is sent yet: all records are older
	changed   chan struct{}      // closed and replaced when pending shrinks
	failure   error
}

// key is what a feedback record says of the message that it is about.
type key struct{ device, message string }

// awaited is a message that feedback is awaited for.
type awaited struct {
	since    time.Time
	accepted bool             // by the hub, and reported as sent
	early    *iothub.Feedback // what came before that
	latency  time.Duration    // of early
}

// track starts to receive feedback, for the messages that expect announces. If
// their ids may have been used before, it first looks for feedback on those. When
// it can go on no longer it calls failed.
func track(ctx context.Context, service *iothub.Service, report *report, repeats bool, failed func(error)) (*tracker, error) {
	t := newTracker(report)
	reader, err := newReader(ctx, service, t.take)
	if err != nil {
		return nil, err
	}
	if repeats {
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
		verdicts: make(map[record]bool),
		changed:  make(chan struct{}),
	}
}

// stop ends the reader. The feedback of others goes back to the hub.
func (t *tracker) stop() {
	t.cancel()
	t.done.Wait()
	t.reader.leave()
}

// others returns how many feedback records of others there were.
func (t *tracker) others() int { return int(t.reader.left.Load()) }

// expect announces a message before it is sent.
func (t *tracker) expect(out outgoing) *awaited {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := &awaited{since: time.Now()}
	k := key{out.device, out.message.ID}
	t.pending[k] = append(t.pending[k], a)
	return a
}

// accepted says that the hub has taken the message. Feedback can be faster
// than that; it is reported now, so that the output tells things in order.
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
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, list := range t.pending {
		n += len(list)
	}
	return n
}

// wait returns when there is feedback on every message, or never will be.
func (t *tracker) wait(ctx context.Context) error {
	for {
		t.mu.Lock()
		empty, changed, failure := len(t.pending) == 0, t.changed, t.failure
		t.mu.Unlock()
		switch {
		case empty:
			return nil // even if the hub is gone by now
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
