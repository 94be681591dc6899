package iothub_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub"
)

// report is what a ledger comes to, in the words of Jepsen's queue checkers.
type report struct {
	attempted, acked, refused int
	indeterminate             int // attempts that got no answer
	recovered                 int // of those, the hub had the message
	redelivered               int
	lost, unexpected          int
	faults                    int
	problems                  []string // the first few
}

func (r report) String() string {
	return fmt.Sprintf("%d attempted, %d acked, %d refused, %d indeterminate (%d recovered), %d redelivered, %d lost, %d unexpected, %d faults",
		r.attempted, r.acked, r.refused, r.indeterminate, r.recovered, r.redelivered, r.lost, r.unexpected, r.faults)
}

// check closes the books: hub holds what is still queued, resent is how often
// senders sent again because they had no answer.
func (l *ledger) check(hub *localhub.Hub, devices []string, resent int) (report, error) {
	for _, device := range devices {
		for _, id := range hub.Pending(device) {
			l.update(id, "queueing", func(a *account) { a.pending++ })
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := report{indeterminate: resent, unexpected: len(l.unexpected), faults: l.faults, problems: l.unexpected}
	copies := 0
	for id, a := range l.accounts {
		r.count(a)
		copies += max(int(a.enqueued)-1, 0)
		if lost := a.lost(); lost != "" {
			r.lost++
			r.problem(id, a, lost)
		}
		if unexpected := a.unexpected(); unexpected != "" {
			r.unexpected++
			r.problem(id, a, unexpected)
		}
	}
	r.recovered += copies
	if copies > resent {
		r.unexpected++
		r.problems = append(r.problems, fmt.Sprintf("%d copies more than the first, but only %d were sent again", copies, resent))
	}
	if r.lost+r.unexpected > 0 {
		return r, errors.New(r.String() + ":\n" + strings.Join(r.problems, "\n"))
	}
	return r, nil
}

func (r *report) count(a account) {
	switch a.outcome {
	case notSent:
		return
	case acked:
		r.acked++
	case refused:
		r.refused++
	case indeterminate:
		r.indeterminate++
		r.recovered += min(int(a.enqueued), 1)
	}
	r.attempted++
	r.redelivered += int(a.returned)
}

func (r *report) problem(id int, a account, what string) {
	if len(r.problems) < 10 {
		r.problems = append(r.problems, fmt.Sprintf("%d: %s (%+v)", id, what, a))
	}
}

// lost says how the message was lost, if it was: what the hub has answered for
// must have ended, or be queued, and what it reports as a success must be one.
func (a account) lost() string {
	switch ended := a.success + a.dead; {
	case a.outcome == acked && a.enqueued == 0:
		return "acked, but never queued"
	case ended+a.pending < a.enqueued:
		return "queued, and gone"
	case a.success > 0 && a.received == 0:
		return "completed, but never received"
	case a.feedback == 0 && ended > 0:
		return "ended without feedback"
	case a.completed > a.success:
		return "completed, but the hub does not know"
	}
	return ""
}

// unexpected says what should not have been, if anything: a refused message
// that is there, or a repeat without a reason. A message is seen again only if
// it was returned to the queue, or sent again.
func (a account) unexpected() string {
	switch ended := a.success + a.dead; {
	case a.outcome == attempted:
		return "Send never returned"
	case a.outcome == refused && a.enqueued > 0:
		return "refused, but queued"
	case ended+a.pending > a.enqueued:
		return "ended more often than it was queued"
	case a.received > a.handed:
		return "received more often than it was delivered"
	case a.handed > a.enqueued+a.returned:
		return "delivered again without a reason"
	}
	return ""
}

// TestLedger wants the ledger to find what is wrong: it proves the proofs.
func TestLedger(t *testing.T) {
	t.Parallel()
	good := account{outcome: acked, enqueued: 1, handed: 1, received: 1, completed: 1, success: 1, feedback: 1}
	for _, tt := range []struct {
		name             string
		change           func(*account)
		lost, unexpected bool
	}{
		{"all is well", func(*account) {}, false, false},
		{"sent twice, received twice", func(a *account) { *a = account{acked, 2, 2, 0, 2, 2, 2, 0, 0, 1} }, false, false},
		{"returned, received twice", func(a *account) { a.returned, a.handed, a.received = 1, 2, 2 }, false, false},
		{"still queued", func(a *account) { *a = account{outcome: acked, enqueued: 1, pending: 1} }, false, false},
		{"expired", func(a *account) { *a = account{outcome: acked, enqueued: 1, dead: 1, feedback: 1} }, false, false},
		{"refused", func(a *account) { *a = account{outcome: refused} }, false, false},
		{"unknown, had arrived", func(a *account) { a.outcome = indeterminate }, false, false},
		{"unknown, had not", func(a *account) { *a = account{outcome: indeterminate} }, false, false},
		{"never queued", func(a *account) { *a = account{outcome: acked} }, true, false},
		{"vanished", func(a *account) { a.success, a.completed, a.feedback = 0, 0, 0 }, true, false},
		{"one copy vanished", func(a *account) { a.enqueued = 2 }, true, false},
		{"never received", func(a *account) { a.received = 0 }, true, false},
		{"no feedback", func(a *account) { a.feedback = 0 }, true, false},
		{"settled in vain", func(a *account) { a.success, a.dead = 0, 1 }, true, false},
		{"refused and queued", func(a *account) { a.outcome = refused }, false, true},
		{"hung", func(a *account) { a.outcome = attempted }, false, true},
		{"ended twice", func(a *account) { a.success = 2 }, false, true},
		{"delivered twice", func(a *account) { a.handed, a.received = 2, 2 }, false, true},
		{"received twice", func(a *account) { a.received = 2 }, false, true},
	} {
		a := good
		tt.change(&a)
		if lost := a.lost(); (lost != "") != tt.lost {
			t.Errorf("%s: lost = %q, want any: %t", tt.name, lost, tt.lost)
		}
		if unexpected := a.unexpected(); (unexpected != "") != tt.unexpected {
			t.Errorf("%s: unexpected = %q, want any: %t", tt.name, unexpected, tt.unexpected)
		}
	}
}
