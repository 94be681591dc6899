package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"iothub-c2d/internal/iothub"
)

// trial is one experiment in progress. Its methods belong to one goroutine. Like a
// test, it ends where it cannot go on: at stop, at untried, or at a check that
// fails.
type trial struct {
	run     *run
	number  int
	subject *subject // nil if the experiment needs no device
	trace   *trace
	figures Figures

	seen    []observation // so far, one for each belief
	why     string        // the rest could not be tried
	sends   int           // messages that it may still send
	links   int           // so far
	closers []func()      // of its connections
}

// observation is what the hub does about a belief.
type observation struct {
	text  string
	trace []string // of how it was seen
}

// ended is what a trial panics with to end.
type ended struct{}

// saw tells what the hub does about the next belief.
func (t *trial) saw(text string) {
	t.trace.add("-- seen: %s", text)
	t.seen = append(t.seen, observation{text, t.trace.last()})
}

// sawf is saw of a text with values in it.
func (t *trial) sawf(format string, args ...any) { t.saw(fmt.Sprintf(format, args...)) }

// stop is sawf, and ends the trial: the beliefs behind it cannot be tried.
func (t *trial) stop(format string, args ...any) {
	t.sawf(format, args...)
	t.why = "it depends on the belief before"
	panic(ended{})
}

// untried ends the trial for a reason that says nothing about the hub.
func (t *trial) untried(format string, args ...any) {
	t.why = fmt.Sprintf(format, args...)
	panic(ended{})
}

// check ends the trial if there is an error. A refusal is what the hub does; any
// other error says nothing about it.
func (t *trial) check(err error) {
	var refused *iothub.HubError
	switch {
	case err == nil:
	case errors.As(err, &refused):
		t.stop("%s", refusalText(refused.Condition, refused.Code))
	default:
		t.untried("%v", bare(err))
	}
}

// id returns the id of the trial's message with a name. It tells the messages of a
// run from all others.
func (t *trial) id(name string) string { return fmt.Sprintf("%s-%d-%s", t.run.id, t.number, name) }

// nameOf is the inverse of id.
func (t *trial) nameOf(id string) string {
	return strings.TrimPrefix(id, fmt.Sprintf("%s-%d-", t.run.id, t.number))
}

// carryOut makes the experiment, and closes what it has opened.
func (t *trial) carryOut(ctx context.Context, e experiment) {
	defer func() {
		for i := len(t.closers) - 1; i >= 0; i-- {
			t.closers[i]()
		}
		if reason := recover(); reason != nil && reason != (ended{}) {
			panic(reason)
		}
	}()
	e.try(ctx, t)
}

// sleep waits, unless the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause lets time pass in the trial.
func (t *trial) pause(ctx context.Context, d time.Duration) { t.check(sleep(ctx, d)) }
