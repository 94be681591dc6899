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
	f.Var(&s.interval, "interval", "wait this long before each further message")
	f.BoolVar(&s.noWait, "no-wait", false, "do not wait for feedback")
	s.waitLimit = console.Duration(time.Minute)
	f.Var(&s.waitLimit, "feedback-timeout", "wait this long for the last feedback, then exit with code 124 (0: for ever)")
	f.Var(&s.retryFull, "retry-queue-full", "wait up to this long for room in a full queue")
	f.IntVar(&s.inFlight, "in-flight", 1, "`N` messages may await the hub's answer at once")
	f.BoolVar(&s.dryRun, "dry-run", false, "show the messages, send nothing")
}

// run sends the messages and waits for their feedback.
func (s *sender) run(ctx context.Context) error {
	ctx, cancel := s.settings.WithTimeout(ctx)
	defer cancel()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if s.dryRun {
		return s.show(ctx)
	}
	service, err := connect(ctx, s.console, &s.settings)
	if err != nil {
		return console.Cause(ctx, err)
	}
	s.service = service
	defer service.Close() //nolint:errcheck // all that matters has been confirmed
	if s.waits() {
		// Feedback is asked for before anything is sent: none can be missed.
		if s.feedback, err = track(ctx, service, &s.report); err != nil {
			return console.Cause(ctx, err)
		}
		defer s.feedback.stop()
	}
	stop := func() {}
	if !s.settings.Quiet {
		stop = s.console.ShowProgress(s.report.progress)
	}
	err = s.sendAll(ctx)
	if err == nil && s.feedback != nil {
		err = s.await(ctx)
	}
	stop()
	s.report.summary(s.feedback, service.Resent())
	if err != nil {
		return console.Cause(ctx, err)
	}
	return s.report.verdict()
}

// prepare checks everything that needs no hub.
func (s *sender) prepare(ctx context.Context) (err error) {
	if err := s.settings.Load(); err != nil {
		return err
	}
	switch waits := s.flags.Changed("feedback-timeout"); {
	case s.inFlight < 1:
		return console.Usagef("--in-flight takes a positive number")
	case waits && s.noWait:
		return console.Usagef("--no-wait and --feedback-timeout exclude each other")
	case waits && s.source.ack == iothub.AckNone:
		return console.Usage(errors.New("--ack none asks for no feedback, so there is nothing to wait for"),
			"leave out --feedback-timeout, or use --ack full")
	case s.flags.Changed("ttl") && s.source.ttl == 0:
		return console.Usagef("--ttl 0 lets no message live")
	}
	if s.source.devices, err = chosenDevices(&s.settings, s.source.devices); err != nil {
		return err
	}
	s.report.prepare(s.console, &s.settings)
	return s.source.prepare(s.console.Input(ctx))
}

func (s *sender) waits() bool {
	return !s.noWait && (s.source.ack != iothub.AckNone || s.source.jsonLines)
}

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
	first := true
	for out, err := range s.source.messages() {
		if err != nil {
			return err
		}
		if !first {
			pause(ctx, time.Duration(s.interval))
		}
		first = false
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
	if s.feedback == nil || out.message.Ack == iothub.AckNone {
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
		left := time.Until(deadline)
		if !errors.Is(err, iothub.ErrQueueFull) || left <= 0 {
			return err
		}
		if wait == firstWait && !s.settings.Quiet {
			s.console.Say("The queue of %s is full: waiting up to %s for room.", out.device, time.Duration(s.retryFull))
		}
		pause(ctx, min(wait, left))
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
	if s.waitLimit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(s.waitLimit), errNoFeedback)
		defer cancel()
	}
	const patience = 3 * time.Second
	news := time.AfterFunc(patience, func() {
		if !s.settings.Quiet {
			s.console.Say("Waiting for feedback; Azure sends it in batches, up to 15 s apart.")
		}
	})
	defer news.Stop()
	err := s.feedback.wait(ctx)
	if !errors.Is(err, errNoFeedback) {
		return err
	}
	hint := "a message is in the device's queue until it expires; is the device connected?"
	if s.source.ack == iothub.AckNegative {
		hint = "--ack negative brings no feedback on success: to know of both, use --ack full"
	}
	return console.Fail(fmt.Errorf("no feedback for %d of %d messages within %s", s.feedback.outstanding(), s.report.accepted(), time.Duration(s.waitLimit)),
		console.ExitTimeout, hint)
}

var errNoFeedback = errors.New("no feedback")
