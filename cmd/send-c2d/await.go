package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

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
	phase := t.report.console.Phase(t.waiting)
	defer phase.End()
	err := t.wait(ctx, phase)
	if !errors.Is(err, errNoFeedback) {
		return err
	}
	t.mu.Lock()
	missing := t.outstanding()
	t.mu.Unlock()
	return console.Fail(fmt.Errorf("%w for %d of %d messages within %s", errNoFeedback, missing, t.report.taken(), w.limit),
		console.ExitTimeout, t.silenceHint(w.ack))
}

// lastLook is how long feedback may be behind a refusal that it contradicts: the
// two come on links of their own.
const lastLook = 100 * time.Millisecond

// wait returns when there is feedback on every message, or never will be.
func (t *tracker) wait(ctx context.Context, phase *console.Phase) error {
	var left int
	var failure error
	err := t.until(ctx, func() bool {
		if n := t.outstanding(); n != left {
			left = n
			phase.Progress()
		}
		failure = t.failure
		return left == 0 || failure != nil
	})
	switch {
	case err != nil:
		return err
	case left > 0:
		return failure
	case failure != nil:
		return nil // all is known by now
	}
	ctx, cancel := context.WithTimeout(ctx, lastLook)
	defer cancel()
	_ = t.until(ctx, func() bool { return t.counts[refused] == 0 }) // most refusals are true
	return nil
}

// waiting says what await waits for.
func (t *tracker) waiting() console.Waiting {
	if w := console.WaitingClient(t.progress)(); w.For != "" {
		w.For += ", to receive feedback"
		return w
	}
	if t.reader.full.Load() {
		return console.Waiting{For: fmt.Sprintf("feedback, which may be behind more than %d feedback messages with records of others", iothub.MaxFeedback)}
	}
	return console.Waiting{For: "feedback: it comes when the device is done with the message, and Azure collects it for up to 15 s"}
}

// silenceHint says why there may be no feedback.
func (t *tracker) silenceHint(ack iothub.Ack) string {
	byAck := map[iothub.Ack]string{
		iothub.AckPositive: "--ack positive brings no feedback on failure: to know of both, use --ack full",
		iothub.AckNegative: "--ack negative brings no feedback on success: to know of both, use --ack full",
	}
	hint := cmp.Or(byAck[ack], "a message is in the device's queue until it expires; is the device connected?")
	n := t.reader.left.Load()
	switch {
	case t.reader.full.Load():
		hint = fmt.Sprintf("more than %d feedback messages of the hub have records of others, and hide what is behind them. %s", iothub.MaxFeedback, takeOff)
	case n > 0:
		hint += fmt.Sprintf(" (feedback records of others in the hub's queue: %d; if nobody reads them, `send-c2d feedback` takes them off)", n)
	}
	return hint
}
