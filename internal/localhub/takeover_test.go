package localhub

import (
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// TestTakeover checks that a second receiver takes the device over, with the
// messages in the first one's hands.
func TestTakeover(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.enqueue("m1", "m2")
		first := w.listening(1)
		first.wantMessages(1, "m1")
		second := w.listening(5)
		detach := want[*amqpwire.Detach](first)
		wantHubError(t, rawclient.WantCondition(t, "detach", detach.Error, amqpserver.CondStolen), int(broker.LinkConflict))
		if !detach.Closed || detach.Handle != 0 {
			t.Errorf("detach %+v, want handle 0 closed", detach)
		}
		second.wantMessagesInAnyOrder("m1", "m2")
		// What the loser says now means nothing, and its end changes nothing.
		first.Settle(1, &amqpwire.Accepted{})
		first.Credit(0, 1, 5)
		first.Send(0, &amqpwire.Detach{Closed: true})
		first.WantNothing()
		if n := w.queueOf("dev1").Len(); n != 2 {
			t.Errorf("%d messages pending, want 2", n)
		}
		w.enqueue("m3")
		second.wantMessagesInAnyOrder("m3")
		// A third, and on the same connection.
		second.Receiver(9, deviceAddress)
		rawclient.WantCondition(t, "detach", want[*amqpwire.Detach](second).Error, amqpserver.CondStolen)
		second.Credit(9, 0, 5)
		second.wantMessagesInAnyOrder("m1", "m2", "m3")
	})
}

// wantMessagesInAnyOrder checks transfers of whole messages.
func (c *raw) wantMessagesInAnyOrder(ids ...string) {
	c.T.Helper()
	missing := make(map[string]bool)
	for _, id := range ids {
		missing[id] = true
	}
	for range ids {
		_, payload := c.WantTransfer()
		id := idOf(rawclient.Decode(c.T, payload))
		if !missing[id] {
			c.T.Fatalf("message %s, want one of %v", id, missing)
		}
		delete(missing, id)
	}
}

// TestNoTakeoverOfOthers checks that other devices, modules, and readers of
// feedback do not disturb each other.
func TestNoTakeoverOfOthers(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.putToken(token("iothubowner", testHost, time.Hour))
		for i, address := range []string{
			deviceAddress, "/devices/dev2/messages/devicebound", "/devices/dev1/modules/a/messages/devicebound",
			"/devices/dev1/modules/b/messages/devicebound", feedbackAddress, feedbackAddress,
		} {
			c.Receiver(uint32(i), address)
		}
		c.Sender(50, eventsAddress)
		c.Sender(51, eventsAddress)
		c.WantNothing()
	})
}

// TestCleanDetachReturnsMessages checks each clean end: messages are back at
// once, not counted.
func TestCleanDetachReturnsMessages(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *raw){
		"detach": func(c *raw) {
			c.Send(0, &amqpwire.Detach{Closed: true})
			if d := want[*amqpwire.Detach](c); !d.Closed || d.Error != nil {
				c.T.Errorf("detach %+v, want closed without error", d)
			}
		},
		"detach, not closed": func(c *raw) {
			c.Send(0, &amqpwire.Detach{})
			if d := want[*amqpwire.Detach](c); d.Closed {
				c.T.Errorf("detach %+v, want not closed", d)
			}
		},
		"detach with error": func(c *raw) {
			c.Send(0, &amqpwire.Detach{Closed: true, Error: &amqpwire.Error{Condition: "x:y"}})
			want[*amqpwire.Detach](c)
		},
		"end": func(c *raw) {
			c.Send(0, &amqpwire.End{})
			if e := want[*amqpwire.End](c); e.Error != nil {
				c.T.Errorf("end with %v", e.Error)
			}
			c.Begin(0, 10) // the channel is free again
		},
		"end with error": func(c *raw) {
			c.Send(0, &amqpwire.End{Error: &amqpwire.Error{Condition: "x:y"}})
			want[*amqpwire.End](c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.enqueue("m1", "m2", "m3")
				c := w.listening(2)
				c.wantMessages(1, "m1", "m2")
				end(c)
				c.WantAlive()
				for _, id := range []string{"m1", "m2", "m3"} {
					e, ok := w.queueOf("dev1").Take()
					if !ok || e.Message.ID != id || e.DeliveryCount != 0 {
						t.Fatalf("took %+v, %v, want %s, uncounted", e, ok, id)
					}
				}
			})
		})
	}
}

// TestLostConnectionLeavesLocks checks each other end: the locks run out by
// themselves.
func TestLostConnectionLeavesLocks(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *raw){
		"hang up": func(c *raw) { _ = c.Net.Close() },
		"close": func(c *raw) {
			c.Send(0, &amqpwire.Close{})
			if got := want[*amqpwire.Close](c); got.Error != nil {
				c.T.Errorf("close with %v", got.Error)
			}
			_ = c.Net.Close()
		},
		"close with error": func(c *raw) {
			c.Send(0, &amqpwire.Close{Error: &amqpwire.Error{Condition: "x:y"}})
			if got := want[*amqpwire.Close](c); got.Error != nil {
				c.T.Errorf("close with %v", got.Error)
			}
			_ = c.Net.Close()
		},
		"garbage": func(c *raw) {
			c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			c.WantClose(amqpserver.CondFramingError)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.enqueue("m1", "m2")
				c := w.listening(1)
				start := time.Now()
				c.wantMessages(1, "m1")
				end(c)
				c.WantEnd()
				if took := time.Since(start); took != 0 {
					t.Errorf("the end took %v", took)
				}
				again := w.listening(5)
				again.wantMessages(1, "m2")
				again.wantMessages(2, "m1")
				if got := time.Since(start); got != time.Minute {
					t.Errorf("m1 again after %v, want 1m", got)
				}
			})
		})
	}
}

// TestHubClose checks the hub's goodbye.
func TestHubClose(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		polite, rude := w.listening(1), w.service()
		rude.Sender(3, serviceAddress)
		polite.Sender(1, eventsAddress)
		gone := make(chan struct{})
		start := time.Now()
		w.hub.Close()
		go func() {
			w.served.Wait()
			close(gone)
		}()
		for range 2 {
			d := want[*amqpwire.Detach](polite)
			rawclient.WantCondition(t, "detach", d.Error, amqpserver.CondDetachForced)
		}
		polite.WantClose(amqpserver.CondConnectionForced)
		rawclient.WantCondition(t, "detach", want[*amqpwire.Detach](rude).Error, amqpserver.CondDetachForced)
		rawclient.WantCondition(t, "close", want[*amqpwire.Close](rude).Error, amqpserver.CondConnectionForced)
		<-gone // though the rude one says nothing
		if got := time.Since(start); got > closeGrace {
			t.Errorf("gone after %v, want at most %v", got, closeGrace)
		}
		late := w.connect()
		late.WantEnd()
	})
}

// TestCloseRightAfterSettling checks a client that does everything at once and
// hangs up: what it said before counts.
func TestCloseRightAfterSettling(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.enqueue("m1")
		c := w.listening(1)
		c.wantMessages(1, "m1")
		c.Settle(1, &amqpwire.Accepted{})
		c.Send(0, &amqpwire.Detach{Closed: true})
		c.Send(0, &amqpwire.End{})
		c.Send(0, &amqpwire.Close{})
		_ = c.Net.Close()
		w.served.Wait()
		if n := w.queueOf("dev1").Len(); n != 0 {
			t.Errorf("%d messages pending, want none", n)
		}
	})
}
