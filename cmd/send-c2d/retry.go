package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"iothub-c2d/internal/iothub"
)

// deliver hands the message to the hub. While the device's queue is full it
// tries again for as long as --retry-queue-full says.
func (s *sender) deliver(ctx context.Context, out outgoing) error {
	deadline := time.Now().Add(time.Duration(s.retryFull))
	const firstWait, longestWait = 100 * time.Millisecond, 2 * time.Second
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := s.service.Send(ctx, out.device, &out.message)
		left := time.Until(deadline)
		if err == nil && wait == firstWait {
			s.full.remove(out.device)
		}
		if !errors.Is(err, iothub.ErrQueueFull) || left <= 0 {
			return err
		}
		if s.full.add(out.device) {
			s.console.Note("The queue of %s is full: waiting up to %s for room.", out.device, time.Duration(s.retryFull))
		}
		pause(ctx, min(wait, left))
	}
}

// fullQueues are the devices whose queues are known to be full. A queue that
// takes a message only after a wait still is: the next will have to wait too.
type fullQueues struct {
	mu      sync.Mutex
	devices map[string]bool
}

// add reports whether the device is new.
func (f *fullQueues) add(device string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.devices[device] {
		return false
	}
	if f.devices == nil {
		f.devices = make(map[string]bool)
	}
	f.devices[device] = true
	return true
}

func (f *fullQueues) remove(device string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.devices, device)
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
