package localhub

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// TestClientWindow checks that the hub sends no more frames than the session's
// window allows, in the middle of a message too, and that windows of any size
// are understood.
func TestClientWindow(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.opened()
		c.Begin(0, 3) // the reply to put-token takes the first
		c.putToken(token("", testHost+"/devices/dev1", time.Hour))
		c.Receiver(0, deviceAddress)
		window := func(next, window uint32) {
			c.Send(0, &amqpwire.Flow{
				NextIncomingID: &next, IncomingWindow: window, OutgoingWindow: 5000,
				Handle: new(uint32), DeliveryCount: new(uint32), LinkCredit: new(uint32(50)),
			})
			synctest.Wait()
		}
		w.enqueue(names(1, 12)...)
		window(2, 2)
		c.wantMessages(1, "m1", "m2")
		c.WantNothing()
		window(2, 3) // it has seen neither message: one more
		c.wantMessages(3, "m3")
		c.WantNothing()
		window(5, 0)
		c.WantNothing()
		window(5, 1)
		c.wantMessages(4, "m4")
		window(5, math.MaxUint32)
		c.wantMessages(5, names(5, 12)...)
		w.enqueue("m13")
		c.wantMessages(13, "m13")
		// All of it is used up by what the client has not seen.
		window(13, 2)
		w.enqueue("m14")
		c.WantNothing()
		window(15, 2)
		c.wantMessages(14, "m14")
		// A client that claims to have seen what was never sent gains nothing.
		window(1000, 1)
		w.enqueue("m15", "m16")
		c.wantMessages(15, "m15")
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
				c := w.opened()
				c.Begin(0, 1)
				c.putToken(token("device", testHost, time.Hour)) // whose reply takes all of the window
				c.Receiver(0, "/devices/dev2/messages/devicebound")
				c.Receiver(1, deviceAddress)
				c.Sender(2, eventsAddress)
				window := func(size uint32, handle *uint32) {
					f := &amqpwire.Flow{NextIncomingID: new(uint32(2)), IncomingWindow: size, OutgoingWindow: 5000, Handle: handle}
					if handle != nil {
						f.DeliveryCount, f.LinkCredit = new(uint32), new(uint32(5))
					}
					c.Send(0, f)
				}
				window(0, new(uint32(1)))
				w.enqueue("m1")
				c.WantNothing()
				window(10, handle)
				c.wantMessages(1, "m1")
			})
		})
	}
}
