package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// sender sends messages to a hub and reports each. A nil feedback means that no
// feedback is waited for.
type sender struct {
	service  *iothub.Service
	feedback *tracker
	report   *report
	pace     pace
	full     fullQueues
}

// pace says how fast to send.
type pace struct {
	interval       time.Duration // between messages
	retryQueueFull time.Duration // how long to wait for room in a queue
	inFlight       int           // messages that may wait for the hub's answer at once
}

// sendAll sends until there are no more messages or something fails. It calls
// stop with the error of a message, to end the others.
func (s *sender) sendAll(ctx context.Context, messages *source, stop func(error)) error {
	var inFlight sync.WaitGroup
	err := s.startAll(ctx, messages, &inFlight, stop)
	inFlight.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx) // a refusal of the hub is more important than a mistake in a later line
	}
	return err
}

// startAll starts to send each message in its turn.
func (s *sender) startAll(ctx context.Context, messages *source, inFlight *sync.WaitGroup, stop func(error)) error {
	slots := make(chan struct{}, s.pace.inFlight)
	first := true
	for out, err := range messages.all() {
		if err != nil {
			return err
		}
		if !first {
			_ = console.Pause(ctx, s.pace.interval) // the end of ctx is noticed below
		}
		first = false
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return nil // sendAll returns the cause
		}
		inFlight.Go(func() {
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

// deliver hands the message to the hub. While the device's queue is full it
// tries again for as long as --retry-queue-full says.
func (s *sender) deliver(ctx context.Context, out outgoing) error {
	deadline := time.Now().Add(s.pace.retryQueueFull)
	const firstWait, longestWait = 100 * time.Millisecond, 2 * time.Second
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := s.service.Send(ctx, out.device, &out.message)
		left := time.Until(deadline)
		if err == nil && wait == firstWait {
			s.full.remove(out.target())
		}
		if !errors.Is(err, iothub.ErrQueueFull) || left <= 0 {
			return err
		}
		if s.full.add(out.target()) {
			s.report.console.Note("The queue of %s is full: waiting up to %s for room.", out.target(), s.pace.retryQueueFull)
		}
		_ = console.Pause(ctx, min(wait, left)) // the next Send notices the end of ctx
	}
}

// fullQueues are the devices and modules whose queues are full. A queue that takes a message
// only after a wait still counts as full: the next message will have to wait too.
type fullQueues struct {
	mu      sync.Mutex
	targets map[string]bool
}

// add reports whether the target is new.
func (f *fullQueues) add(target string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.targets[target] {
		return false
	}
	if f.targets == nil {
		f.targets = make(map[string]bool)
	}
	f.targets[target] = true
	return true
}

func (f *fullQueues) remove(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.targets, target)
}
