package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/sas"
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

	hub      sas.ConnectionString
	report   report
	service  *iothub.Service
	full     fullQueues
	feedback *tracker // nil if nothing is waited for
}

// defaultWait is the longest that feedback takes if the device is there: another
// reader that went away may have kept it for the time of a lock, 60 s, and Azure
// collects it for 15 s.
const defaultWait = 90 * time.Second

func (s *sender) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	s.source.addFlags(f)
	f.Var(&s.interval, "interval", "wait this long before each further message")
	f.BoolVar(&s.noWait, "no-wait", false, "do not wait for feedback")
	s.waitLimit = console.Duration(defaultWait)
	f.Var(&s.waitLimit, "feedback-timeout", "wait this long for the last feedback, then exit with code 124 (0: for ever)")
	f.Var(&s.retryFull, "retry-queue-full", "wait up to this long for room in a full queue")
	f.IntVar(&s.inFlight, "in-flight", 1, "`N` messages may await the hub's answer at once")
	f.BoolVar(&s.dryRun, "dry-run", false, "show the messages, send nothing")
}

// run sends the messages and waits for their feedback.
func (s *sender) run(ctx context.Context) error {
	ctx, cancel := s.settings.WithTimeout(ctx)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	stop := func(err error) { end(console.Cause(ctx, err)) } // what fails first ends all the rest
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if s.dryRun {
		return s.show(ctx)
	}
	service, err := connect(ctx, s.console, &s.settings, s.hub)
	if err != nil {
		return console.Cause(ctx, err)
	}
	s.service = service
	defer service.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all that matters has been confirmed
	if s.waits() {
		// Feedback is asked for before anything is sent: none can be missed.
		if s.feedback, err = track(ctx, service, &s.report, s.source.repeatsIDs(), stop); err != nil {
			return console.Cause(ctx, err)
		}
		defer s.feedback.stop()
	}
	stopProgress := s.console.ShowProgress(s.report.progress)
	err = s.sendAll(ctx, stop)
	if err == nil && s.feedback != nil {
		err = s.await(ctx)
	}
	stopProgress()
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
	if err := s.checkFlags(); err != nil {
		return err
	}
	if s.hub, err = target(&s.settings); err != nil {
		return err
	}
	s.source.devices, err = chosenDevices(&s.settings, s.hub, s.source.devices)
	if errors.Is(err, errNoDevice) && s.source.jsonLines {
		s.source.devices, err = []string{""}, nil // the lines may name theirs
	}
	if err != nil {
		return err
	}
	s.report.prepare(s.console, &s.settings)
	return s.source.prepare(ctx, s.console)
}

func (s *sender) checkFlags() error {
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
	return nil
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

// sendAll sends until the source is empty or something fails.
func (s *sender) sendAll(ctx context.Context, stop func(error)) error {
	var underWay sync.WaitGroup
	err := s.sendEach(ctx, stop, &underWay)
	underWay.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx) // what the hub refused is told before the fault of a later line
	}
	return err
}

func (s *sender) sendEach(ctx context.Context, stop func(error), underWay *sync.WaitGroup) error {
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
			return nil // sendAll says why
		}
		underWay.Go(func() {
			defer func() { <-slots }()
			if err := s.send(ctx, out); err != nil {
				stop(err)
			}
		})
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
