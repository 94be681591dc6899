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
	reader *reader
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	pending map[key][]*awaited // oldest first; a message id may be used again
	seen    map[key]bool       // what there was feedback on: a batch may come twice
	changed chan struct{}      // closed and replaced when pending shrinks
	failure error
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

// track starts to receive feedback, for the messages that expect announces.
func track(ctx context.Context, service *iothub.Service, report *report) (*tracker, error) {
	t := &tracker{
		report:  report,
		pending: make(map[key][]*awaited),
		seen:    make(map[key]bool),
		changed: make(chan struct{}),
	}
	reader, err := newReader(ctx, service, t.take)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	t.reader, t.cancel = reader, cancel
	t.done.Go(func() { t.fail(reader.read(ctx)) })
	return t, nil
}

// stop ends the reader. The feedback of others goes back to the hub.
func (t *tracker) stop() {
	t.cancel()
	t.done.Wait()
	t.reader.leave()
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

// resolve reports f if it is about a message of ours, and not the second time.
func (t *tracker) resolve(f iothub.Feedback) (ours bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := key{f.DeviceID, f.MessageID}
	if len(t.pending[k]) == 0 {
		return t.seen[k], nil
	}
	t.seen[k] = true
	a := t.pending[k][0]
	t.remove(k, 0)
	latency := time.Since(a.since)
	if !a.accepted {
		a.early, a.latency = &f, latency
		return true, nil
	}
	return true, t.report.feedback(f, latency)
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
		if empty {
			return nil // even if the hub is gone by now
		}
		if failure != nil {
			return failure
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
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

// take reports our records of a batch, and completes the batch if it has no
// others.
func (t *tracker) take(ctx context.Context, batch *iothub.FeedbackBatch) (ours bool, err error) {
	ours = true
	for _, f := range batch.Records {
		known, err := t.resolve(f)
		if err != nil {
			return false, err
		}
		ours = ours && known
	}
	if !ours {
		return false, nil
	}
	return true, complete(ctx, batch)
}
