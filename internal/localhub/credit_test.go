package localhub

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestCreditIsReplenished sends far more messages than were granted at first,
// never without credit, past the client's own count and the session's window.
func TestCreditIsReplenished(t *testing.T) {
	t.Parallel()
	perGateway(t, func(t *testing.T, g Gateway) {
		inWorld(t, Options{Gateway: g}, func(t *testing.T, w *world) {
			c := w.device("dev1")
			a := rawclient.SenderAttach(0, eventsAddress)
			a.InitialDeliveryCount = new(uint32(math.MaxUint32 - 10)) // it wraps
			c.Send(0, a)
			want[*amqpwire.Attach](c)
			count := *a.InitialDeliveryCount
			limit := count + *want[*amqpwire.Flow](c).LinkCredit
			const n = 12_000
			m := rawclient.Encode(t, &amqpwire.Message{Data: [][]byte{[]byte("t")}})
			for i := range uint32(n) {
				c.Send(0, &amqpwire.Transfer{DeliveryID: &i, DeliveryTag: []byte{1}, Settled: true}, m...)
				count++
				for len(c.In) > 0 || limit == count { // without more credit this waits for ever
					if f := want[*amqpwire.Flow](c); f.LinkCredit != nil {
						limit = *f.DeliveryCount + *f.LinkCredit
					}
				}
			}
			c.WantQuiet(func(rawclient.Received) {})
			if got := w.hub.amqp.Telemetry(); got != n {
				t.Errorf("%d messages arrived, want %d", got, n)
			}
		})
	})
}

// TestCreditIsRespected checks that no more messages come than were asked for.
func TestCreditIsRespected(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.enqueue(names(1, 10)...)
		c := w.device("dev1")
		c.Receiver(0, deviceAddress)
		c.WantNothing()
		c.Credit(0, 0, 3)
		c.wantMessages(1, "m1", "m2", "m3")
		c.WantNothing()
		// The client counts from what it has seen: one more, not two.
		c.Credit(0, 2, 2)
		c.wantMessages(4, "m4")
		c.Credit(0, 4, 0)
		c.WantNothing()
		c.Credit(0, 4, math.MaxUint32)
		c.wantMessages(5, names(5, 10)...)
		c.WantNothing()
		w.enqueue("m11")
		c.wantMessages(11, "m11")
	})
}

// wantMessages checks that transfers of whole messages come, with delivery ids
// from first on.
func (c *raw) wantMessages(first uint32, ids ...string) {
	c.T.Helper()
	for _, id := range ids {
		transfer, payload := c.WantTransfer()
		if got := idOf(rawclient.Decode(c.T, payload)); got != id || *transfer.DeliveryID != first || transfer.More {
			c.T.Fatalf("message %s, delivery %d, more %v, want %s, %d, false", got, *transfer.DeliveryID, transfer.More, id, first)
		}
		first++
	}
}

func TestDrain(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.enqueue("m1", "m2")
		c := w.device("dev1")
		c.Receiver(0, deviceAddress)
		drain := func(count, credit uint32) {
			c.Send(0, &amqpwire.Flow{
				NextIncomingID: new(uint32(1)), IncomingWindow: 5000, OutgoingWindow: 5000,
				Handle: new(uint32), DeliveryCount: &count, LinkCredit: &credit, Drain: true,
			})
		}
		wantDrained := func(count uint32) {
			t.Helper()
			f := want[*amqpwire.Flow](c)
			if *f.DeliveryCount != count || *f.LinkCredit != 0 || !f.Drain {
				t.Errorf("flow: delivery-count %d, credit %d, drain %v, want %d, 0, true", *f.DeliveryCount, *f.LinkCredit, f.Drain, count)
			}
		}
		drain(0, 10)
		c.wantMessages(1, "m1", "m2")
		wantDrained(10)
		w.enqueue("m3")
		c.WantNothing()
		drain(10, 1)
		c.wantMessages(3, "m3")
		wantDrained(11)
		drain(11, 5)
		wantDrained(16)
		c.Credit(0, 16, 1)
		c.WantNothing()
		w.enqueue("m4")
		c.wantMessages(4, "m4")
	})
}

// TestDrainWaitsForWindow checks that messages which the window holds back are
// sent before the credit is used up.
func TestDrainWaitsForWindow(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.enqueue("m1", "m2")
		c := w.device("dev1")
		c.Receiver(0, deviceAddress)
		drain := func(window uint32) {
			c.Send(0, &amqpwire.Flow{
				NextIncomingID: new(uint32(2)), IncomingWindow: window, OutgoingWindow: 1,
				Handle: new(uint32), DeliveryCount: new(uint32), LinkCredit: new(uint32(9)), Drain: true,
			})
		}
		drain(0)
		c.WantNothing()
		drain(1)
		c.wantMessages(1, "m1")
		c.WantNothing()
		drain(5)
		c.wantMessages(2, "m2")
		if f := want[*amqpwire.Flow](c); *f.DeliveryCount != 9 || *f.LinkCredit != 0 || !f.Drain {
			t.Errorf("flow %+v, want the credit used up", f)
		}
	})
}

// TestDrainOfNothing checks that a drain is answered though the window is shut
// when there is no message that waits for it.
func TestDrainOfNothing(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.device("dev1")
		c.Receiver(0, deviceAddress)
		drain := func(count, credit, window uint32) {
			c.Send(0, &amqpwire.Flow{
				NextIncomingID: new(uint32(2)), IncomingWindow: window, OutgoingWindow: 1,
				Handle: new(uint32), DeliveryCount: &count, LinkCredit: &credit, Drain: true,
			})
		}
		wantDrained := func(count uint32) {
			t.Helper()
			if f := want[*amqpwire.Flow](c); *f.DeliveryCount != count || *f.LinkCredit != 0 || !f.Drain {
				t.Errorf("flow %+v, want the credit used up at %d", f, count)
			}
		}
		drain(0, 9, 0)
		wantDrained(9)
		w.enqueue("m1", "m2")
		drain(9, 1, 0)
		c.WantNothing() // m1 is to come first
		drain(9, 1, 1)
		c.wantMessages(1, "m1")
		wantDrained(10) // m2 has no credit
		drain(10, 0, 0)
		wantDrained(10)
	})
}

func TestEcho(t *testing.T) {
	inWorld(t, Options{Gateway: GatewayV1}, func(t *testing.T, w *world) {
		c := w.listening(7)
		c.Send(0, &amqpwire.Flow{
			NextIncomingID: new(uint32(1)), IncomingWindow: 5000, OutgoingWindow: 5000,
			Handle: new(uint32), DeliveryCount: new(uint32), LinkCredit: new(uint32(9)), Echo: true,
		})
		if f := want[*amqpwire.Flow](c); *f.Handle != 0 || *f.LinkCredit != 9 || *f.DeliveryCount != 0 || f.Echo {
			t.Errorf("flow %+v, want credit 9 and no echo", f)
		}
		c.Send(0, &amqpwire.Flow{NextIncomingID: new(uint32(1)), IncomingWindow: 5000, Echo: true})
		f := want[*amqpwire.Flow](c)
		if f.Handle != nil || f.IncomingWindow != 5000 || f.NextIncomingID == nil || *f.NextIncomingID != 1 {
			t.Errorf("flow %+v, want the session's, with one transfer seen", f)
		}
		c.Sender(1, eventsAddress)
		c.Send(0, &amqpwire.Flow{NextIncomingID: new(uint32(1)), IncomingWindow: 5000, Handle: new(uint32(1)), Echo: true})
		if f := want[*amqpwire.Flow](c); *f.Handle != 1 || *f.LinkCredit != 100 {
			t.Errorf("flow %+v, want credit 100 on handle 1", f)
		}
		c.WantNothing()
	})
}

// TestCompetingReceivers checks that a window that is shut does not keep
// messages from another reader of the feedback.
func TestCompetingReceivers(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		a, b := w.service(), w.service()
		for _, c := range []*raw{a, b} {
			c.Receiver(0, feedbackAddress)
			c.Credit(0, 0, 2)
		}
		for i := range 6 {
			w.report(fmt.Sprint("m", i))
		}
		var got []string
		for range 2 {
			for _, c := range []*raw{a, b} {
				_, payload := c.WantTransfer()
				got = append(got, originalIDs(t, rawclient.Decode(t, payload).Data[0])...)
			}
		}
		a.WantNothing()
		b.WantNothing()
		slices.Sort(got)
		if want := []string{"m0", "m1", "m2", "m3"}; !slices.Equal(got, want) {
			t.Errorf("feedback of %q, want %q", got, want)
		}
		// One leaves: the other gets its records, then the rest.
		a.Send(0, &amqpwire.Detach{Closed: true})
		want[*amqpwire.Detach](a)
		b.Credit(0, 2, 10)
		for range 4 {
			_, payload := b.WantTransfer()
			got = append(got, originalIDs(t, rawclient.Decode(t, payload).Data[0])...)
		}
		b.WantNothing()
		slices.Sort(got)
		if got = slices.Compact(got); len(got) != 6 {
			t.Errorf("feedback of %q, want all six", got)
		}
	})
}
