package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// delivery is the handing over of one message to the hub.
type delivery struct {
	sender *sender
	out    outgoing
	full   atomic.Bool // it waits for room in the queue
}

// persist sends the message. While the device's queue is full it tries again for
// as long as --retry-queue-full says, unless that has been of no use before.
func (d *delivery) persist(ctx context.Context) error {
	s, target := d.sender, d.out.target()
	patience := s.pace.retryQueueFull
	if s.full.hopeless(target) {
		patience = 0
	}
	deadline := time.Now().Add(patience)
	wait := time.Duration(0) // before the next attempt
	for {
		began := time.Now()
		err := s.service.Send(ctx, d.out.device, &d.out.message)
		left := time.Until(deadline)
		switch {
		case err == nil && wait == 0:
			s.full.remove(target)
			return nil
		case !errors.Is(err, iothub.ErrQueueFull), isDoubtful(err):
			return err
		case left <= 0:
			s.full.giveUp(target)
			return err
		}
		d.full.Store(true)
		if s.full.add(target) {
			s.report.console.Note("The queue of %s is full: waiting up to %s for room.", target, patience)
		}
		wait = nextWait(wait, time.Since(began))
		_ = console.Pause(ctx, min(wait, left)) // the next Send notices the end of ctx
	}
}

// nextWait returns how long to wait for room in a queue, after a wait that was of no
// use, if it is not 0. The first is as long as the hub took to say that there is none:
// a device that is as near takes messages as fast.
func nextWait(last, answer time.Duration) time.Duration {
	const shortest, longest = 2 * time.Millisecond, 2 * time.Second
	if last == 0 {
		last = answer / 2
	}
	return min(max(2*last, shortest), longest)
}

// waiting says what the delivery waits for.
func (d *delivery) waiting() console.Waiting {
	if d.full.Load() {
		return console.Waiting{For: "room in the queue of " + d.out.target()}
	}
	w, ok := d.sender.progress.Waiting()
	what := fmt.Sprintf("%s, to send message %d", w.For, d.out.n)
	switch {
	case !ok, w.For == iothub.ForAnswer, w.For == iothub.ForRetry:
		what = fmt.Sprintf("the hub's answer to message %d", d.out.n)
	case w.For == iothub.ForCredit:
		what = fmt.Sprintf("credit to send message %d", d.out.n)
	}
	return console.Waiting{For: what, Last: console.Reason(w.Reason), Expected: d.sender.report.isThrottled()}
}

// fullQueues are the devices and modules whose queues are full. A queue that takes
// a message only after a wait still counts as full: the next message will have to
// wait too.
type fullQueues struct {
	mu      sync.Mutex
	targets map[string]bool // whether a wait has been of no use
}

// add reports whether the target is new.
func (f *fullQueues) add(target string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.targets[target]; ok {
		return false
	}
	f.set(target, false)
	return true
}

// giveUp notes that a wait has been of no use.
func (f *fullQueues) giveUp(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set(target, true)
}

// hopeless reports whether a wait has been of no use, and nothing was taken since.
func (f *fullQueues) hopeless(target string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.targets[target]
}

// set is called with mu held.
func (f *fullQueues) set(target string, useless bool) {
	if f.targets == nil {
		f.targets = make(map[string]bool)
	}
	f.targets[target] = useless
}

func (f *fullQueues) remove(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.targets, target)
}
