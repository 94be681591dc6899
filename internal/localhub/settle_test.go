package localhub

import (
	"math"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// outcomes are what a receiver may say, and what becomes of the message.
var outcomes = []struct {
	name  string
	state amqpwire.DeliveryState
	ended broker.Status // empty: it is back
	count int           // its delivery count then
}{
	{"accepted", &amqpwire.Accepted{}, broker.StatusSuccess, 0},
	{"rejected", &amqpwire.Rejected{}, broker.StatusRejected, 0},
	{"rejected, error", &amqpwire.Rejected{Error: &amqpwire.Error{Condition: "x:y"}}, broker.StatusRejected, 0},
	{"released", &amqpwire.Released{}, "", 1},
	{"modified", &amqpwire.Modified{}, "", 0},
	{"modified, failed", &amqpwire.Modified{DeliveryFailed: true}, "", 1},
	{"modified, not here", &amqpwire.Modified{DeliveryFailed: true, UndeliverableHere: true}, broker.StatusRejected, 0},
}

// second attaches dev1's receiver with rcv-settle-mode second.
func (c *raw) second(credit uint32) {
	c.T.Helper()
	a := rawclient.ReceiverAttach(0, deviceAddress)
	a.RcvSettleMode = new(amqpwire.ReceiverSecond)
	c.Send(0, a)
	reply := want[*amqpwire.Attach](c)
	if reply.RcvSettleMode == nil || *reply.RcvSettleMode != amqpwire.ReceiverSecond {
		c.T.Fatalf("attach %+v, want the settle mode echoed", reply)
	}
	c.Credit(0, 0, credit)
}

// TestOutcomes checks each outcome in both modes. In the second the answer is
// accepted whatever was asked for: it is about the request.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, second := range []bool{false, true} {
		for _, test := range outcomes {
			t.Run(map[bool]string{false: "first ", true: "second "}[second]+test.name, func(t *testing.T) {
				inWorld(t, Options{}, func(t *testing.T, w *world) {
					w.enqueue("m1")
					c := w.device("dev1")
					c.second(1)
					c.wantMessages(1, "m1")
					if second {
						c.Dispose(1, nil, test.state)
						if err := c.WantAnswer(1); err != nil {
							t.Errorf("answer: %v", err)
						}
					} else {
						c.Settle(1, test.state)
					}
					c.WantNothing()
					// What comes too late is ignored.
					c.Settle(1, &amqpwire.Accepted{})
					c.WantNothing()
					e, back := w.queueOf("dev1").Take()
					if back != (test.ended == "") || back && e.DeliveryCount != test.count {
						t.Errorf("back: %v with count %d, want %v, %d", back, e.DeliveryCount, test.ended == "", test.count)
					}
				})
			})
		}
	}
}

// TestNoOutcome checks settlements that say nothing: the lock runs on.
func TestNoOutcome(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]amqpwire.Disposition{
		"settled, no state":   {Settled: true},
		"received":            {State: &amqpwire.Received{}},
		"settled, received":   {Settled: true, State: &amqpwire.Received{}},
		"neither":             {},
		"in the wrong role":   {Role: amqpwire.RoleSender, Settled: true, State: &amqpwire.Accepted{}},
		"of unknown delivery": {First: 99, Settled: true, State: &amqpwire.Accepted{}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.enqueue("m1")
				c := w.listening(9)
				start := time.Now()
				c.wantMessages(1, "m1")
				if d.First == 0 {
					d.First = 1
				}
				if name != "in the wrong role" {
					d.Role = amqpwire.RoleReceiver
				}
				c.Send(0, &d)
				c.wantMessages(2, "m1")
				if got := time.Since(start); got != time.Minute {
					t.Errorf("again after %v, want 1m", got)
				}
			})
		})
	}
}

func TestLockLost(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.enqueue("m1")
		c := w.device("dev1")
		c.second(2)
		c.wantMessages(1, "m1")
		c.wantMessages(2, "m1") // a minute later
		c.Dispose(1, nil, &amqpwire.Accepted{})
		wantHubError(t, rawclient.WantCondition(t, "answer", c.WantAnswer(1), condLockLost), int(broker.LockLost))
		c.Dispose(2, nil, &amqpwire.Accepted{})
		if err := c.WantAnswer(2); err != nil {
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
		want        []uint32 // of the deliveries 1 to 5
	}{
		{"all", 1, 5, []uint32{1, 2, 3, 4, 5}},
		{"some", 2, 3, []uint32{2, 3}},
		{"one", 4, 4, []uint32{4}},
		{"more than there are", 3, 1000, []uint32{3, 4, 5}},
		{"none", 6, 1000, nil},
		{"half the numbers", 1, 1 << 31, []uint32{1, 2, 3, 4, 5}},
		{"around the end of numbers", math.MaxUint32 - 9, 2, []uint32{1, 2}},
		{"everything but one", 4, 2, []uint32{4, 5, 1, 2}},
		{"before and up to the first", math.MaxUint32, 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.enqueue(names(1, 5)...)
				c := w.device("dev1")
				c.second(5)
				c.wantMessages(1, names(1, 5)...)
				c.Dispose(test.first, &test.last, &amqpwire.Accepted{})
				for _, id := range test.want {
					if err := c.WantAnswer(id); err != nil {
						t.Errorf("delivery %d: %v", id, err)
					}
				}
				c.WantNothing()
				if got, want := w.queueOf("dev1").Len(), 5-len(test.want); got != want {
					t.Errorf("%d messages pending, want %d", got, want)
				}
			})
		})
	}
}

// TestSettledRange checks a range that wants no answer, of two links at once.
func TestSettledRange(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.enqueue("m1", "m2")
		c := w.listening(9)
		c.wantMessages(1, "m1", "m2")
		c.putToken(token("service", testHost, time.Hour)) // its reply is delivery 3
		c.Receiver(1, feedbackAddress)
		c.Credit(1, 0, 1)
		w.report("")
		if transfer, _ := c.WantTransfer(); *transfer.DeliveryID != 4 {
			t.Fatalf("delivery %d, want 4", *transfer.DeliveryID)
		}
		c.Send(0, &amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: 0, Last: new(uint32(9)), Settled: true, State: &amqpwire.Accepted{}})
		c.WantNothing()
		if a, b := w.queueOf("dev1").Len(), w.hub.broker.Feedback().Len(); a != 0 || b != 0 {
			t.Errorf("%d messages, %d of feedback pending, want none", a, b)
		}
	})
}
