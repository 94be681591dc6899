package amqpserver

import (
	"math"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestClientWindow checks that the server sends no more frames than the
// session's window allows, and that windows of any size are understood.
func TestClientWindow(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		q := w.queue("q")
		c := w.opened(0)
		c.Begin(0, 2)
		c.Receiver(0, "q")
		window := func(next, window uint32) {
			c.Send(0, &amqpwire.Flow{
				NextIncomingID: &next, IncomingWindow: window, OutgoingWindow: 5000,
				Handle: new(uint32), DeliveryCount: new(uint32), LinkCredit: new(uint32(50)),
			})
			synctest.Wait()
		}
		q.put(names(1, 12)...)
		window(1, 2)
		wantMessages(c, 0, "m1", "m2")
		c.WantNothing()
		window(1, 3) // it has seen neither message: one more
		wantMessages(c, 2, "m3")
		c.WantNothing()
		window(4, 0)
		c.WantNothing()
		window(4, 1)
		wantMessages(c, 3, "m4")
		window(4, math.MaxUint32)
		wantMessages(c, 4, names(5, 12)...)
		q.put("m13")
		wantMessages(c, 12, "m13")
		// All of it is used up by what the client has not seen.
		window(12, 2)
		q.put("m14")
		c.WantNothing()
		window(14, 2)
		wantMessages(c, 13, "m14")
		// A client that claims to have seen what was never sent gains nothing.
		window(1000, 1)
		q.put("m15", "m16")
		wantMessages(c, 14, "m15")
		c.WantNothing()
	})
}

// TestWindowOfBegin checks the window of the begin alone, and flows of a client
// that has seen no begin.
func TestWindowOfBegin(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.queue("q").put("m1", "m2", "m3")
		c := w.opened(0)
		c.Send(5, &amqpwire.Begin{IncomingWindow: 1, OutgoingWindow: 1})
		rawclient.Want[*amqpwire.Begin](c)
		c.Send(5, rawclient.ReceiverAttach(0, "q"))
		rawclient.Want[*amqpwire.Attach](c)
		c.Send(5, &amqpwire.Flow{IncomingWindow: 1, Handle: new(uint32), LinkCredit: new(uint32(9))})
		wantMessages(c, 0, "m1")
		c.WantNothing()
		c.Send(5, &amqpwire.Flow{IncomingWindow: 2, Handle: new(uint32), LinkCredit: new(uint32(9))})
		wantMessages(c, 1, "m2")
		c.WantNothing()
	})
}

// TestWindowForOtherLinks shuts the window, and opens it with a flow that is
// about another link than the one with a message to send.
func TestWindowForOtherLinks(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]*uint32{"no link": nil, "another": new(uint32(0)), "a sender": new(uint32(2)), "the same": new(uint32(1))} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				c.Receiver(0, "empty")
				c.Receiver(1, "q")
				c.Sender(2, "other")
				window := func(size uint32, handle *uint32) {
					f := &amqpwire.Flow{NextIncomingID: new(uint32(1)), IncomingWindow: size, OutgoingWindow: 5000, Handle: handle}
					if handle != nil {
						f.DeliveryCount, f.LinkCredit = new(uint32), new(uint32(5))
					}
					c.Send(0, f)
				}
				window(0, new(uint32(1)))
				w.queue("q").put("m1")
				c.WantNothing()
				window(10, handle)
				wantMessages(c, 0, "m1")
			})
		})
	}
}

// TestEndedLinksWaitForNoWindow checks that nothing is left of links that found the
// window shut when they end, however many there have been.
func TestEndedLinksWaitForNoWindow(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.queue("q").put("m1")
		c := w.opened(0)
		c.Begin(0, 0)
		var session *Session
		for range 3 {
			c.Receiver(0, "q")
			c.Send(0, &amqpwire.Flow{
				NextIncomingID: new(uint32(1)), OutgoingWindow: 5000,
				Handle: new(uint32), DeliveryCount: new(uint32), LinkCredit: new(uint32(1)),
			})
			synctest.Wait()
			session = w.link("q").session
			if got := len(session.stalled); got != 1 {
				t.Errorf("%d links wait for the window, want 1", got)
			}
			c.Send(0, &amqpwire.Detach{Handle: 0, Closed: true})
			rawclient.Want[*amqpwire.Detach](c)
		}
		if got := len(session.stalled); got != 0 {
			t.Errorf("%d links wait for the window, want none", got)
		}
	})
}

// TestServerWindow checks that the client's window is renewed in time, also for
// transfers on a link that was refused.
func TestServerWindow(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.Send(0, rawclient.SenderAttach(3, "/no"))
		rawclient.Want[*amqpwire.Attach](c)
		rawclient.Want[*amqpwire.Detach](c)
		for range incomingWindow + 1 {
			c.Send(0, &amqpwire.Transfer{Handle: 3, More: true})
		}
		next := uint32(0)
		c.WantQuiet(func(r rawclient.Received) {
			f, ok := r.Frame.Body.(*amqpwire.Flow)
			if !ok || f.IncomingWindow != incomingWindow {
				t.Fatalf("the server sent %s, want a flow", rawclient.Show(r))
			}
			if next += incomingWindow / 2; *f.NextIncomingID != next {
				t.Errorf("next-incoming-id %d, want %d", *f.NextIncomingID, next)
			}
		})
		if next != incomingWindow {
			t.Errorf("the window was last renewed after %d transfers, want %d", next, incomingWindow)
		}
	})
}
