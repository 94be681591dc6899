package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

// outcome is what the device does with a message.
type outcome string

const (
	complete outcome = "complete"
	abandon  outcome = "abandon"
	reject   outcome = "reject"
	none     outcome = "none" // its lock runs out and the hub delivers it again
)

// past is the outcome as a past participle, for sentences about messages.
var past = map[outcome]string{
	complete: "completed",
	abandon:  "abandoned",
	reject:   "rejected",
	none:     "left unsettled",
}

// apply tells the hub.
func (o outcome) apply(ctx context.Context, d *iothub.Delivery) error {
	switch o {
	case complete:
		return d.Complete(ctx)
	case abandon:
		return d.Abandon(ctx)
	case reject:
		return d.Reject(ctx)
	}
	return nil
}

// settler decides what becomes of each message.
type settler struct {
	console   *console.Console
	otherwise outcome // where no rule matches and there is no command
	rules     []rule
	delay     time.Duration
	exec      string // the user's command
	execFail  outcome
	execOut   io.Writer     // for the command's standard output
	lock      time.Duration // after this time the command is told to be late
}

// rule gives the messages with a certain property value an outcome.
type rule struct {
	property, value string
	outcome         outcome
}

// newSettler returns the settler that the flags describe. The output of --exec
// goes to execOut.
func newSettler(c *console.Console, f settleFlags, execOut io.Writer) (*settler, error) {
	s := &settler{
		console: c, otherwise: f.otherwise, delay: time.Duration(f.delay),
		exec: f.exec, execFail: f.execFail, execOut: execOut, lock: lockDuration,
	}
	for _, text := range f.rules {
		r, ok := parseRule(text)
		if !ok {
			return nil, console.Usage(fmt.Errorf("--settle-rule %q is not PROP=VALUE:OUTCOME", text), "for example --settle-rule color=red:reject")
		}
		s.rules = append(s.rules, r)
	}
	return s, nil
}

// prefetch returns how many messages to hold at once if --prefetch is not given;
// 0 means the client's default.
func (s *settler) prefetch() int {
	const all = 1000
	switch {
	case s.otherwise == none || slices.ContainsFunc(s.rules, func(r rule) bool { return r.outcome == none }):
		return all // messages that stay unsettled use up credit: there must be enough for further ones
	case s.delay > 0 || s.exec != "":
		return 1 // the lock of a second message would run while the device works on the first
	}
	return 0
}

// parseRule reads PROP=VALUE:OUTCOME. The value may hold further = and :.
func parseRule(text string) (r rule, ok bool) {
	property, rest, ok := strings.Cut(text, "=")
	i := strings.LastIndex(rest, ":")
	if !ok || property == "" || i < 0 {
		return rule{}, false
	}
	r = rule{property, rest[:i], outcome(rest[i+1:])}
	_, ok = past[r.outcome]
	return r, ok
}

// decide returns what to do with d. It runs --exec if there is one. A message that
// cannot be read is rejected whatever the user says about others: it would not be
// readable the next time either.
func (s *settler) decide(ctx context.Context, d *iothub.Delivery) (outcome, error) {
	if d.Unreadable != "" {
		s.console.Say("message %s cannot be read: %s: %s", cmp.Or(d.ID, "without an id"), d.Unreadable, past[reject])
		return reject, nil
	}
	for _, r := range s.rules {
		if v := d.Properties[r.property]; v != nil && value.Text(v) == r.value { // null is no text
			return r.outcome, nil
		}
	}
	if s.exec != "" {
		return s.run(ctx, d)
	}
	return s.otherwise, nil
}
