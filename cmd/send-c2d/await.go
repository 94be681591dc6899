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

var errNoFeedback = errors.New("no feedback")

// await waits for the feedback that is outstanding.
func (s *sender) await(ctx context.Context) error {
	if s.waitLimit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(s.waitLimit), errNoFeedback)
		defer cancel()
	}
	const patience = 3 * time.Second
	news := time.AfterFunc(patience, func() {
		s.console.Note("Waiting for feedback: it comes when the device is done with the message, and Azure collects it for up to 15 s.")
	})
	defer news.Stop()
	err := s.feedback.wait(ctx)
	if !errors.Is(err, errNoFeedback) {
		return err
	}
	return console.Fail(fmt.Errorf("no feedback for %d of %d messages within %s", s.feedback.outstanding(), s.report.accepted(), time.Duration(s.waitLimit)),
		console.ExitTimeout, s.silence())
}

// silence returns a hint on why there is no feedback.
func (s *sender) silence() string {
	byAck := map[iothub.Ack]string{
		iothub.AckPositive: "--ack positive brings no feedback on failure: to know of both, use --ack full",
		iothub.AckNegative: "--ack negative brings no feedback on success: to know of both, use --ack full",
	}
	hint := cmp.Or(byAck[s.source.ack], "a message is in the device's queue until it expires; is the device connected?")
	if n := s.feedback.others(); n > 0 {
		hint += fmt.Sprintf(" (feedback records of others in the hub's queue: %d; if nobody reads them, `send-c2d feedback` takes them off)", n)
	}
	return hint
}
