package conformance

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"iothub-c2d/internal/iothub"
)

// feedback collects the records about the run's messages. One goroutine reads them,
// the trials wait for theirs.
//
// All back ends of a hub share one queue of feedback. Messages with nothing but
// records of the run are completed. Those of others are held for a moment, to see
// what is behind them, and given back by a link that is detached. Nobody knows
// whether that counts against them, and a queue delivers ten times by default: hence
// there are few such looks.
type feedback struct {
	run    *run
	cancel context.CancelFunc
	done   chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	records []iothub.Feedback
	changed chan struct{} // closed at the next record, or when the reader ends
	delay   time.Duration // how much later records may come since there is feedback of others
	why     string        // there will be no more
}

// What others may see of a run.
const (
	looks = 5                // with feedback of others in hand
	hold  = 15 * time.Second // for each look, and between them
)

// startFeedback reads until stop, also when ctx has ended: the run ends later.
func startFeedback(ctx context.Context, r *run) (*feedback, error) {
	receiver, err := r.service.ReceiveFeedback(ctx)
	if err != nil {
		return nil, err
	}
	f := &feedback{run: r, done: make(chan struct{}), changed: make(chan struct{})}
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(f.done)
		f.read(ctx, receiver)
		giveBack, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		_ = receiver.Yield(giveBack) // the end of the connection does it too
	}()
	return f, nil
}

// stop ends the reader.
func (f *feedback) stop() {
	f.cancel()
	<-f.done
}

// read is the reader's goroutine.
func (f *feedback) read(ctx context.Context, receiver *iothub.FeedbackReceiver) {
	for range looks {
		if err := f.look(ctx, receiver); err != nil {
			f.end("the feedback could not be read: " + bare(err).Error())
			return
		}
		if receiver.Yield(ctx) != nil || sleep(ctx, hold) != nil {
			break
		}
	}
	f.end("feedback of others is in the way, and was looked at often enough")
}

// look reads until it has held feedback of others for long enough.
func (f *feedback) look(ctx context.Context, receiver *iothub.FeedbackReceiver) error {
	looking, stop := context.WithCancel(ctx)
	defer stop()
	var over *time.Timer // nil while nothing is held
	for {
		batch, err := receiver.Receive(looking)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case looking.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if !slices.ContainsFunc(batch.Records, f.run.disowns) {
			if err := batch.Complete(ctx); err != nil && !errors.Is(err, iothub.ErrLockLost) {
				return err
			}
		} else if over == nil {
			over = time.AfterFunc(hold, stop)
			defer over.Stop()
			f.slowDown()
		}
		f.keep(batch.Records) // not before they are gone from the hub: the reader may end now
	}
}

// keep takes over the records of the run.
func (f *feedback) keep(records []iothub.Feedback) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range records {
		if !f.run.disowns(r) {
			f.run.giveUp(r.MessageID)
			f.records = append(f.records, r)
		}
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// slowDown notes that nothing is read for a while, after each look.
func (f *feedback) slowDown() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay = 2 * hold
}

func (f *feedback) delayed() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.delay
}

func (f *feedback) end(why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.why = why
	close(f.changed)
	f.changed = make(chan struct{})
}

// find returns the first record that fits, and what to wait for if there is none.
func (f *feedback) find(fits func(iothub.Feedback) bool) (record iothub.Feedback, found bool, changed <-chan struct{}, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.records, fits); i >= 0 {
		return f.records[i], true, nil, ""
	}
	return record, false, f.changed, f.why
}

// noReport is what is seen of a message on which there is no feedback.
const noReport = "no feedback"

// report waits for the feedback on the trial's message with a name, and returns its
// status.
func (t *trial) report(ctx context.Context, name string) string {
	return t.reportWithin(ctx, name, t.figures.Feedback+t.figures.Soon)
}

func (t *trial) reportWithin(ctx context.Context, name string, within time.Duration) string {
	id := t.id(name)
	record, found := t.reported(ctx, within, func(f iothub.Feedback) bool { return f.MessageID == id })
	if !found {
		t.run.giveUp(id)
		return noReport
	}
	return string(record.Status)
}

// reported waits for feedback, longer if that of others is in the way.
func (t *trial) reported(ctx context.Context, within time.Duration, fits func(iothub.Feedback) bool) (iothub.Feedback, bool) {
	over := time.NewTimer(within)
	defer over.Stop()
	for delayed := time.Duration(0); ; {
		record, found, changed, why := t.run.feedback.find(fits)
		switch {
		case found:
			t.trace.add("<- feedback on %s: %s", record.MessageID, record.Status)
			return record, true
		case why != "":
			t.untried("%s", why)
		}
		select {
		case <-changed:
		case <-over.C:
			more := t.run.feedback.delayed() - delayed
			if more <= 0 || within == 0 {
				return record, false
			}
			delayed += more
			over.Reset(more)
		case <-ctx.Done():
			t.check(ctx.Err())
		}
	}
}
