package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// outcome is what the device does with a message.
type outcome string

const (
	complete outcome = "complete"
	abandon  outcome = "abandon"
	reject   outcome = "reject"
	none     outcome = "none" // its lock runs out and the hub delivers it again
)

// past tells the outcome in a sentence about messages.
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
	otherwise outcome
	ruleTexts []string
	rules     []rule
	delay     console.Duration
	exec      string
	execFail  outcome
	execOut   io.Writer // for the command's standard output
}

// rule gives the messages with a certain property value an outcome.
type rule struct {
	property, value string
	outcome         outcome
}

func (s *settler) addFlags(f *pflag.FlagSet) {
	s.otherwise, s.execFail = complete, abandon
	f.Var(console.Choice(&s.otherwise, complete, abandon, reject, none), "settle", "what to do with messages: complete, abandon, reject or none")
	f.StringArrayVar(&s.ruleTexts, "settle-rule", nil, "`PROP=VALUE:OUTCOME` for messages with that property (repeat; the first match wins)")
	f.Var(&s.delay, "settle-delay", "take this long over each message; beyond its lock of 60s the hub delivers it again")
	f.StringVar(&s.exec, "exec", "", "run `CMD` for each message that no rule is about, with the body on stdin and $C2D_MESSAGE_ID, $C2D_PROPERTY_name and so on; complete it if that exits 0")
	f.Var(console.Choice(&s.execFail, abandon, reject), "exec-fail", "what to do if not: abandon or reject")
}

func (s *settler) prepare(c *console.Console, execOut io.Writer) error {
	s.console, s.execOut = c, execOut
	for _, text := range s.ruleTexts {
		r, ok := parseRule(text)
		if !ok {
			return console.Usage(fmt.Errorf("--settle-rule %q is not PROP=VALUE:OUTCOME", text), "for example --settle-rule color=red:reject")
		}
		s.rules = append(s.rules, r)
	}
	return nil
}

// prefetch returns how many messages to hold at once if --prefetch does not say:
// 0 leaves it to the client.
func (s *settler) prefetch() int {
	const all = 1000
	switch {
	case s.otherwise == none || slices.ContainsFunc(s.rules, func(r rule) bool { return r.outcome == none }):
		return all // what is left unsettled must not keep the device from further messages
	case s.delay > 0 || s.exec != "":
		return 1 // the lock of a second would run while the first is being worked on
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

// decide returns what to do with d. It runs --exec if there is one.
func (s *settler) decide(ctx context.Context, d *iothub.Delivery) (outcome, error) {
	for _, r := range s.rules {
		if v, ok := d.Properties[r.property]; ok && v == r.value {
			return r.outcome, nil
		}
	}
	if s.exec != "" {
		return s.run(ctx, d)
	}
	return s.otherwise, nil
}

// wait is the time that the device takes over a message.
func (s *settler) wait(ctx context.Context) error {
	if s.delay == 0 {
		return nil
	}
	select {
	case <-time.After(time.Duration(s.delay)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
