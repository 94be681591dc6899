package amqpserver

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// names returns m1, m2 and so on.
func names(from, to int) (names []string) {
	for i := from; i <= to; i++ {
		names = append(names, fmt.Sprint("m", i))
	}
	return names
}

// wantMessages checks that whole messages come, with delivery ids from first on.
func wantMessages(c *client, first uint32, payloads ...string) {
	c.T.Helper()
	for _, want := range payloads {
		transfer, payload := c.WantTransfer()
		if string(payload) != want || *transfer.DeliveryID != first || transfer.More {
			c.T.Fatalf("message %q, delivery %d, more %v, want %q, %d, false", payload, *transfer.DeliveryID, transfer.More, want, first)
		}
		first++
	}
}

// drain asks on handle 0 for what is there, and no more.
func drain(c *client, count, credit, window uint32) {
	c.T.Helper()
	c.Send(0, &amqpwire.Flow{
		NextIncomingID: new(uint32(1)), IncomingWindow: window, OutgoingWindow: 5000,
		Handle: new(uint32), DeliveryCount: &count, LinkCredit: &credit, Drain: true,
	})
}

func wantDrained(c *client, count uint32) {
	c.T.Helper()
	f := rawclient.Want[*amqpwire.Flow](c)
	if *f.DeliveryCount != count || *f.LinkCredit != 0 || !f.Drain {
		c.T.Errorf("flow: delivery-count %d, credit %d, drain %v, want %d, 0, true", *f.DeliveryCount, *f.LinkCredit, f.Drain, count)
	}
}

// TestCreditIsReplenished sends far more messages than were granted at first,
// never without credit, past the client's own count and the session's window.
func TestCreditIsReplenished(t *testing.T) {
	t.Parallel()
	for _, credit := range []uint32{1, 2, 3, 100, 9000} {
		t.Run(fmt.Sprint(credit), func(t *testing.T) {
			inWorld(t, Options{OmitNextIncomingID: credit > 2}, func(t *testing.T, w *world) {
				w.queue("q").credit = credit
				c := w.begun()
				a := rawclient.SenderAttach(0, "q")
				a.InitialDeliveryCount = new(uint32(math.MaxUint32 - 10)) // it wraps
				c.Send(0, a)
				rawclient.Want[*amqpwire.Attach](c)
				count := *a.InitialDeliveryCount
				limit := count + *rawclient.Want[*amqpwire.Flow](c).LinkCredit
				if limit-count != credit {
					t.Errorf("credit %d, want %d", limit-count, credit)
				}
				const n = 12_000
				for i := range uint32(n) {
					c.Send(0, &amqpwire.Transfer{DeliveryID: &i, Settled: true}, 'm')
					count++
					for len(c.In) > 0 || limit == count { // without more credit this waits for ever
						if f := rawclient.Want[*amqpwire.Flow](c); f.LinkCredit != nil {
							limit = *f.DeliveryCount + *f.LinkCredit
						}
					}
				}
				c.WantQuiet(func(rawclient.Received) {})
				if got := len(w.queue("q").ready); got != n {
					t.Errorf("%d messages arrived, want %d", got, n)
				}
			})
		})
	}
}

// TestNoCredit checks a sink that grants no credit, whatever the client asks, and
// that a message without credit costs the link.
func TestNoCredit(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.queue("q").credit = 0
		c := w.begun()
		c.Send(0, rawclient.SenderAttach(0, "q"))
		rawclient.Want[*amqpwire.Attach](c)
		c.Send(0, &amqpwire.Flow{NextIncomingID: new(uint32(1)), IncomingWindow: 1, Handle: new(uint32), Echo: true})
		c.WantNothing()
		c.Transfer(&amqpwire.Transfer{}, []byte("m"))
		rawclient.WantCondition(t, "detach", rawclient.Want[*amqpwire.Detach](c).Error, CondTransferLimit)
		if got := w.queue("q").waiting(); got != "" {
			t.Errorf("%q arrived", got)
		}
	})
}

// TestCreditIsRespected checks that no more messages come than were asked for.
func TestCreditIsRespected(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		q := w.queue("q")
		q.put(names(1, 10)...)
		c := w.begun()
		c.Receiver(0, "q")
		c.WantNothing()
		c.Credit(0, 0, 3)
		wantMessages(c, 0, "m1", "m2", "m3")
		c.WantNothing()
		// The client counts from what it has seen: one more, not two.
		c.Credit(0, 2, 2)
		wantMessages(c, 3, "m4")
		c.Credit(0, 4, 0)
		c.WantNothing()
		c.Credit(0, 4, math.MaxUint32)
		wantMessages(c, 4, names(5, 10)...)
		c.WantNothing()
		q.put("m11")
		wantMessages(c, 10, "m11")
	})
}

// TestCreditTakenBack checks that a smaller grant counts from now on.
func TestCreditTakenBack(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.listening(100)
		c.Credit(0, 0, 1)
		synctest.Wait()
		w.queue("q").put("m1", "m2")
		wantMessages(c, 0, "m1")
		c.Credit(0, 0, 1) // it crossed m1: used up already
		c.WantNothing()
	})
}

func TestDrain(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		q := w.queue("q")
		q.put("m1", "m2")
		c := w.begun()
		c.Receiver(0, "q")
		drain(c, 0, 10, 5000)
		wantMessages(c, 0, "m1", "m2")
		wantDrained(c, 10)
		q.put("m3")
		c.WantNothing()
		drain(c, 10, 1, 5000)
		wantMessages(c, 2, "m3")
		wantDrained(c, 11)
		drain(c, 11, 5, 5000)
		wantDrained(c, 16)
		c.Credit(0, 16, 1)
		c.WantNothing()
		q.put("m4")
		wantMessages(c, 3, "m4")
	})
}

// TestDrainAndWindow checks that messages which the window holds back are sent
// before the credit is used up, and that none are waited for that are not there.
func TestDrainAndWindow(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		q := w.queue("q")
		c := w.begun()
		c.Receiver(0, "q")
		drain(c, 0, 9, 0)
		wantDrained(c, 9) // though the window is shut
		q.put("m1", "m2", "m3")
		drain(c, 9, 2, 0)
		c.WantNothing() // m1 is to come first
		drain(c, 9, 2, 1)
		wantMessages(c, 0, "m1")
		c.WantNothing()
		drain(c, 9, 2, 2)
		wantMessages(c, 1, "m2")
		wantDrained(c, 11) // m3 has no credit
		drain(c, 11, 0, 0)
		wantDrained(c, 11)
	})
}

func TestEcho(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.listening(7)
		c.Send(0, &amqpwire.Flow{
			NextIncomingID: new(uint32(1)), IncomingWindow: 5000, OutgoingWindow: 5000,
			Handle: new(uint32), DeliveryCount: new(uint32), LinkCredit: new(uint32(9)), Echo: true,
		})
		if f := rawclient.Want[*amqpwire.Flow](c); *f.Handle != 0 || *f.LinkCredit != 9 || *f.DeliveryCount != 0 || f.Echo {
			t.Errorf("flow %+v, want credit 9 and no echo", f)
		}
		c.Sender(1, "q2")
		c.Transfer(&amqpwire.Transfer{Handle: 1, Settled: true}, []byte("m"))
		c.Send(0, &amqpwire.Flow{NextIncomingID: new(uint32(1)), IncomingWindow: 5000, Echo: true})
		f := rawclient.Want[*amqpwire.Flow](c)
		if f.Handle != nil || f.IncomingWindow != 5000 || f.NextIncomingID == nil || *f.NextIncomingID != 1 {
			t.Errorf("flow %+v, want the session's, with one transfer seen", f)
		}
		c.Send(0, &amqpwire.Flow{NextIncomingID: new(uint32(1)), IncomingWindow: 5000, Handle: new(uint32(1)), Echo: true})
		if f := rawclient.Want[*amqpwire.Flow](c); *f.Handle != 1 || *f.LinkCredit != 100 || *f.DeliveryCount != 1 {
			t.Errorf("flow %+v, want credit 100 on handle 1", f)
		}
		c.WantNothing()
	})
}
