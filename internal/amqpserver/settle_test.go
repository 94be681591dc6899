package amqpserver

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestOutcomes checks each outcome in both modes: the source carries it out, and
// answers if the receiver waits.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, state := range []amqpwire.DeliveryState{
		&amqpwire.Accepted{},
		&amqpwire.Rejected{Error: &amqpwire.Error{Condition: "x:y"}},
		&amqpwire.Released{},
		&amqpwire.Modified{DeliveryFailed: true},
	} {
		for _, second := range []bool{false, true} {
			t.Run(fmt.Sprint(amqpwire.TextOf(state), second), func(t *testing.T) {
				inWorld(t, Options{}, func(t *testing.T, w *world) {
					q := w.queue("q")
					q.settle = func(s Settlement) amqpwire.DeliveryState {
						if string(s.Tag) != "tag-1" || s.Waits != second {
							t.Errorf("settled %s, waits %v, want tag-1, %v", s.Tag, s.Waits, second)
						}
						return &amqpwire.Rejected{Error: Errorf("lost:lock", "")}
					}
					q.put("m1")
					c := w.listening(1)
					wantMessages(c, 0, "m1")
					if second {
						c.Dispose(0, nil, state)
						rawclient.WantCondition(t, "answer", c.WantAnswer(0), "lost:lock")
					} else {
						c.Settle(0, state)
					}
					c.WantNothing()
					c.Settle(0, &amqpwire.Accepted{}) // too late
					c.Dispose(0, nil, &amqpwire.Accepted{})
					c.WantNothing()
					if got, want := q.took(), "m1 "+amqpwire.TextOf(state); got != want {
						t.Errorf("the queue heard %q, want %q", got, want)
					}
				})
			})
		}
	}
}

// TestNoOutcome checks dispositions that say nothing. Only what is settled is out
// of the client's hands, and not given back when the link ends.
func TestNoOutcome(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		disposition amqpwire.Disposition
		held        bool
	}{
		"settled, no state":   {amqpwire.Disposition{Role: true, Settled: true}, false},
		"received":            {amqpwire.Disposition{Role: true, State: &amqpwire.Received{}}, true},
		"settled, received":   {amqpwire.Disposition{Role: true, Settled: true, State: &amqpwire.Received{}}, false},
		"neither":             {amqpwire.Disposition{Role: true}, true},
		"in the wrong role":   {amqpwire.Disposition{Settled: true, State: &amqpwire.Accepted{}}, true},
		"of unknown delivery": {amqpwire.Disposition{Role: true, First: 99, Settled: true, State: &amqpwire.Accepted{}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.queue("q").put("m1")
				c := w.listening(9)
				wantMessages(c, 0, "m1")
				c.Send(0, &test.disposition)
				c.WantNothing()
				c.Send(0, &amqpwire.Detach{Closed: true})
				rawclient.Want[*amqpwire.Detach](c)
				got, want := w.queue("q").took(), "closed"
				if test.held {
					want = "m1 back, closed"
				}
				if got != want {
					t.Errorf("the queue heard %q, want %q", got, want)
				}
			})
		})
	}
}

// TestUnansweredSettlement checks a source that does not answer: the delivery
// stays open, whether the client waits or not.
func TestUnansweredSettlement(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		q := w.queue("q")
		answers := []amqpwire.DeliveryState{nil, nil, &amqpwire.Accepted{}}
		q.settle = func(Settlement) (answer amqpwire.DeliveryState) {
			answer, answers = answers[0], answers[1:]
			return answer
		}
		q.put("m1")
		c := w.listening(1)
		wantMessages(c, 0, "m1")
		c.Settle(0, &amqpwire.Accepted{})
		c.Dispose(0, nil, &amqpwire.Accepted{})
		c.WantNothing()
		c.Dispose(0, nil, &amqpwire.Accepted{})
		if err := c.WantAnswer(0); err != nil {
			t.Errorf("answer: %v", err)
		}
		c.WantNothing()
	})
}

func TestDispositionRanges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		first, last uint32
		want        []uint32 // of the deliveries 0 to 4
	}{
		{"all", 0, 4, []uint32{0, 1, 2, 3, 4}},
		{"some", 1, 2, []uint32{1, 2}},
		{"one", 3, 3, []uint32{3}},
		{"more than there are", 2, 1000, []uint32{2, 3, 4}},
		{"none", 5, 1000, nil},
		{"half the numbers", 0, 1 << 31, []uint32{0, 1, 2, 3, 4}},
		{"around the end of numbers", math.MaxUint32 - 9, 1, []uint32{0, 1}},
		{"everything but one", 3, 1, []uint32{3, 4, 0, 1}},
		{"up to the last number", 5, math.MaxUint32, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.queue("q").put(names(1, 5)...)
				c := w.listening(5)
				wantMessages(c, 0, names(1, 5)...)
				c.Dispose(test.first, &test.last, &amqpwire.Accepted{})
				for _, id := range test.want {
					if err := c.WantAnswer(id); err != nil {
						t.Errorf("delivery %d: %v", id, err)
					}
				}
				c.WantNothing()
				if got, want := len(w.queue("q").held), 5-len(test.want); got != want {
					t.Errorf("%d messages held, want %d", got, want)
				}
			})
		})
	}
}

// TestRangeOfTwoLinks checks a range that wants no answer, of two links at once.
func TestRangeOfTwoLinks(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.listening(9)
		c.Receiver(1, "other")
		c.Credit(1, 0, 9)
		w.queue("q").put("m1", "m2")
		wantMessages(c, 0, "m1", "m2")
		w.queue("other").put("m3")
		wantMessages(c, 2, "m3")
		c.Send(0, &amqpwire.Disposition{Role: amqpwire.RoleReceiver, Last: new(uint32(9)), Settled: true, State: &amqpwire.Accepted{}})
		c.WantNothing()
		if got := w.queue("q").took() + ", " + w.queue("other").took(); got != "m1 accepted(), m2 accepted(), m3 accepted()" {
			t.Errorf("the queues heard %q", got)
		}
	})
}

// TestPreSettled checks a receiver that wants no settlement: what is sent is
// accepted, after its last frame, and settlements of the client mean nothing.
func TestPreSettled(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		q := w.queue("q")
		q.put("m1", strings.Repeat("m2", 500))
		c := w.opened(512)
		c.Begin(0, 1)
		a := rawclient.ReceiverAttach(0, "q")
		a.SndSettleMode = new(amqpwire.SenderSettled)
		c.Send(0, a)
		rawclient.Want[*amqpwire.Attach](c)
		window := func(next, size uint32) {
			c.Send(0, &amqpwire.Flow{NextIncomingID: &next, IncomingWindow: size, Handle: new(uint32), LinkCredit: new(uint32(2))})
		}
		window(1, 2)
		for range 2 {
			if transfer, _ := c.WantTransfer(); !transfer.Settled {
				t.Errorf("transfer %+v, want it settled", transfer)
			}
		}
		c.Settle(0, &amqpwire.Released{})
		c.Settle(1, &amqpwire.Released{})
		c.WantNothing()
		if got := q.took(); got != "m1 accepted()" {
			t.Errorf("the queue heard %q, want m1 accepted", got)
		}
		window(3, 9)
		for transfer := new(amqpwire.Transfer{More: true}); transfer.More; {
			transfer, _ = c.WantTransfer()
		}
		if got := q.took(); !strings.HasSuffix(got, "m2 accepted()") {
			t.Errorf("the queue heard %q, want m2 accepted", got)
		}
	})
}
