package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// sender is the program's main job: the tutorial's
// SendCloudToDeviceMessage.py.
type sender struct {
	console  *console.Console
	settings console.Settings
	flags    *pflag.FlagSet
	source   source

	interval  console.Duration
	noWait    bool
	waitLimit console.Duration
	retryFull console.Duration
	inFlight  int
	dryRun    bool

	report   report
	service  *iothub.Service
	feedback *tracker // nil if nothing is waited for
}

func (s *sender) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	s.source.addFlags(f)
	f.Var(&s.interval, "interval", "wait this long between two messages")
	f.BoolVar(&s.noWait, "no-wait", false, "do not wait for feedback")
	s.waitLimit = console.Duration(time.Minute)
	f.Var(&s.waitLimit, "feedback-timeout", "wait this long for the last feedback, then exit with code 124")
	f.Var(&s.retryFull, "retry-queue-full", "wait up to this long for room in a full queue")
	f.IntVar(&s.inFlight, "in-flight", 1, "messages that may await the hub's answer at once")
	f.BoolVar(&s.dryRun, "dry-run", false, "show the messages, send nothing")
}

// run sends the messages and waits for their feedback.
func (s *sender) run(ctx context.Context) error {
	ctx, cancel := s.settings.WithTimeout(ctx)
	defer cancel()
	if err := s.prepare(); err != nil {
		return err
	}
	if s.dryRun {
		return s.show(ctx)
	}
	service, err := connect(ctx, s.console, &s.settings)
	if err != nil {
		return cause(ctx, err)
	}
	s.service = service
	defer service.Close() //nolint:errcheck // all that matters has been confirmed
	if s.waits() {
		// Feedback is asked for before anything is sent: none can be missed.
		if s.feedback, err = track(ctx, service, &s.report); err != nil {
			return cause(ctx, err)
		}
		defer s.feedback.stop()
	}
	err = s.sendAll(ctx)
	if err == nil && s.feedback != nil {
		err = s.await(ctx)
	}
	s.report.summary(s.feedback)
	if err != nil {
		return cause(ctx, err)
	}
	return s.report.verdict()
}

// cause replaces an error that only says that ctx has ended by the reason.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return context.Cause(ctx)
	}
	return err
}

func (s *sender) prepare() error {
	if err := s.settings.Load(); err != nil {
		return err
	}
	if s.inFlight < 1 {
		return console.Usagef("--in-flight takes a positive number")
	}
	if s.source.ack == iothub.AckNone && s.flags.Changed("feedback-timeout") {
		return console.Usage(errors.New("--ack none asks for no feedback, so there is nothing to wait for"),
			"leave out --feedback-timeout, or use --ack full")
	}
	s.report.prepare(s.console, &s.settings)
	return s.source.prepare(s.console, &s.settings)
}

func (s *sender) waits() bool { return s.source.ack != iothub.AckNone && !s.noWait }

// show prints what would be sent.
func (s *sender) show(ctx context.Context) error {
	for out, err := range s.source.messages() {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := s.report.dryRun(out); err != nil {
			return err
		}
	}
	return nil
}

// sendAll sends until the source is empty or a message fails, which ends it.
func (s *sender) sendAll(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	slots := make(chan struct{}, s.inFlight)
	for out, err := range s.source.messages() {
		if err != nil {
			return err
		}
		if out.n > 0 {
			pause(ctx, time.Duration(s.interval))
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		underWay.Go(func() {
			defer func() { <-slots }()
			if err := s.send(ctx, out); err != nil {
				stop(err)
			}
		})
	}
	underWay.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// send sends one message and reports it.
func (s *sender) send(ctx context.Context, out outgoing) error {
	if s.feedback == nil {
		if err := s.deliver(ctx, out); err != nil {
			return err
		}
		return s.report.sent(out)
	}
	awaited := s.feedback.expect(out)
	if err := s.deliver(ctx, out); err != nil {
		s.feedback.forget(out, awaited)
		return err
	}
	if err := s.report.sent(out); err != nil {
		return err
	}
	return s.feedback.accepted(awaited)
}

// deliver hands the message to the hub. While the device's queue is full it
// tries again for as long as --retry-queue-full says.
func (s *sender) deliver(ctx context.Context, out outgoing) error {
	deadline := time.Now().Add(time.Duration(s.retryFull))
	const firstWait, longestWait = 100 * time.Millisecond, 2 * time.Second
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := s.service.Send(ctx, out.device, &out.message)
		if !errors.Is(err, iothub.ErrQueueFull) || time.Now().Add(wait).After(deadline) {
			return err
		}
		pause(ctx, wait)
	}
}

// pause sleeps, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// await waits for the feedback that is outstanding.
func (s *sender) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(s.waitLimit), errNoFeedback)
	defer cancel()
	err := s.feedback.wait(ctx)
	if !errors.Is(err, errNoFeedback) {
		return err
	}
	return console.Fail(fmt.Errorf("no feedback for %d of %d messages within %s", s.feedback.outstanding(), s.report.total, time.Duration(s.waitLimit)),
		console.ExitTimeout, "the messages are in the device's queue until they expire; is the device connected?")
}

var errNoFeedback = errors.New("no feedback")
