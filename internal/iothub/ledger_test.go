package iothub_test

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/broker"
)

// ledger keeps account of messages: what their sender did and was told, what
// the hub did with them, what the device saw, what the feedback says. Their
// ids are numbers from 0.
type ledger struct {
	mu         sync.Mutex
	accounts   []account
	left       int      // ids that are not through
	unexpected []string // what nobody should have seen
	faults     int
}

// account is all there is to know of one message id.
type account struct {
	outcome   outcome
	enqueued  uint16 // copies, since it may have been sent again
	handed    uint16 // deliveries by the hub
	returned  uint16 // deliveries that ended with the message ready again
	received  uint16 // deliveries that reached the device's program
	completed uint16 // times that the program was told so
	success   uint16 // copies that ended well
	dead      uint16 // copies that ended otherwise: dead-lettered, expired
	pending   uint16 // copies in the queue at the end
	feedback  uint16 // records
}

// outcome is what Send said.
type outcome uint8

const (
	notSent outcome = iota
	attempted
	acked
	indeterminate
	refused
)

func newLedger(messages int) *ledger { return &ledger{accounts: make([]account, messages)} }

// update calls f with the account of an id.
func (l *ledger) update(id, what string, f func(*account)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := strconv.Atoi(id)
	if err != nil || n < 0 || n >= len(l.accounts) || l.accounts[n].outcome == notSent {
		l.unexpected = append(l.unexpected, what+" of "+id+", which nobody sent")
		return
	}
	a := &l.accounts[n]
	before := a.open()
	f(a)
	l.left += after(before, a.open())
}

// open reports whether the hub has copies that have not ended, or feedback is
// missing.
func (a *account) open() bool {
	return a.enqueued != a.success+a.dead || a.enqueued > 0 && a.feedback == 0
}

// after returns the difference that a change makes to a count.
func after(was, is bool) int {
	switch {
	case is && !was:
		return 1
	case was && !is:
		return -1
	}
	return 0
}

// attempt notes that n is about to be sent.
func (l *ledger) attempt(n int) (id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts[n].outcome = attempted
	return strconv.Itoa(n)
}

// sent notes what Send said.
func (l *ledger) sent(id string, err error) {
	l.update(id, "outcome", func(a *account) {
		switch {
		case err == nil:
			a.outcome = acked
		case errors.Is(err, iothub.ErrIndeterminate):
			a.outcome = indeterminate
		default:
			a.outcome = refused
		}
	})
}

// observe notes what the hub did.
func (l *ledger) observe(e broker.Event) {
	switch e.Kind {
	case broker.EventEnqueued:
		l.update(e.MessageID, "enqueuing", func(a *account) { a.enqueued++ })
	case broker.EventDelivered:
		l.update(e.MessageID, "delivery", func(a *account) { a.handed++ })
	case broker.EventReturned:
		l.update(e.MessageID, "return", func(a *account) { a.returned++ })
	case broker.EventFinished:
		l.update(e.MessageID, "end", func(a *account) {
			if e.Detail == string(iothub.Success) {
				a.success++
			} else {
				a.dead++
			}
		})
	case broker.EventFault:
		l.fault()
	}
}

func (l *ledger) fault() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults++
}

// received notes a message that reached the device's program.
func (l *ledger) received(d *iothub.Delivery) {
	l.update(d.ID, "receipt", func(a *account) { a.received++ })
	if got, want := string(d.Body), bodyOf(d.ID); got != want {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.unexpected = append(l.unexpected, fmt.Sprintf("body of %s is %q, want %q", d.ID, got, want))
	}
}

// bodyOf returns the body of a message, which its id decides.
func bodyOf(id string) string { return "body of " + id }

// completed notes that the hub has confirmed a settlement.
func (l *ledger) completed(id string) {
	l.update(id, "completion", func(a *account) { a.completed++ })
}

// reported notes a feedback message.
func (l *ledger) reported(records []iothub.Feedback) {
	for _, r := range records {
		l.update(r.MessageID, "feedback", func(a *account) { a.feedback++ })
	}
}

// open returns how many ids are not through.
func (l *ledger) open() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left
}
