package mqttfront

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// TestLockRunsOut checks that a message comes again, as a duplicate with its old
// id, and that its acknowledgement counts then.
func TestLockRunsOut(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		w.enqueue("m1", "m2")
		first, second := wantMessage(c, "m1", false), wantMessage(c, "m2", false)
		c.Acknowledge(second)
		start := time.Now()
		for range 3 {
			c.WantNothing()
			c.Send(&mqttwire.PingReq{}) // the client is alive all the time
			rawclient.Want[*mqttwire.PingResp](c)
			again := wantMessage(c, "m1", true)
			if again.ID != first.ID {
				t.Errorf("packet id %d, want %d", again.ID, first.ID)
			}
		}
		if waited := time.Since(start); waited != 3*time.Minute {
			t.Errorf("three times again after %v, want 3m", waited)
		}
		c.Acknowledge(first)
		synctest.Wait()
		w.wantFeedback("m2 Success", "m1 Success")
		w.enqueue("m3")
		if p := wantMessage(c, "m3", false); p.ID == first.ID {
			t.Error("the packet id was given again at once")
		}
	})
}

// TestFiftyLocksRunOut checks that a full flight comes again as what it was.
func TestFiftyLocksRunOut(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.connect()
		w.wantIn(c, changed("dev1", func(p *mqttwire.Connect) { p.KeepAlive = 0 }), false)
		c.Subscribe(mqttwire.AtLeastOnce, messages)
		var ids []uint16
		for i := range 50 {
			w.enqueue(fmt.Sprint("m", i))
			ids = append(ids, wantMessage(c, fmt.Sprint("m", i), false).ID)
		}
		for i := range 50 {
			if p := wantMessage(c, fmt.Sprint("m", i), true); p.ID != ids[i] {
				t.Errorf("m%d has packet id %d, want %d", i, p.ID, ids[i])
			}
		}
		c.WantNothing()
	})
}

// TestRoomAfterExpiry checks that a full flight has room for the next message when the
// lock of one ends that has expired, and comes not again.
func TestRoomAfterExpiry(t *testing.T) {
	inWorld(t, settings{broker: broker.Options{MaxQueue: 60}}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		w.put(dev1, &broker.Message{ID: "short", To: "t", Expiry: time.Now().Add(time.Second), Body: []byte("body of short")})
		wantMessage(c, "short", false)
		start := time.Now()
		time.Sleep(10 * time.Second)
		for i := range 50 {
			w.enqueue(fmt.Sprint("m", i))
		}
		for i := range 50 {
			wantMessage(c, fmt.Sprint("m", i), false)
		}
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("the last one came after %v, want 1m", waited)
		}
	})
}

// TestMessagesThatEndInFlight checks that messages which the client never
// acknowledges do not fill its flight for ever.
func TestMessagesThatEndInFlight(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		for round := range 10 {
			for i := range 50 {
				id := fmt.Sprint("m", round, ".", i)
				w.enqueue(id)
				wantMessage(c, id, false)
			}
			if n, refused := w.broker.Purge(dev1); n != 50 || refused != nil {
				t.Fatalf("purged %d, %v", n, refused)
			}
		}
		c.WantAlive()
		if n := len(sessionOf(w.mailbox(dev1)).sent); n > 2*maxInFlight {
			t.Errorf("the hub remembers %d packets", n)
		}
	})
}

// TestExpiredInFlight checks a message that expires in the device's hands: the
// acknowledgement comes too late.
func TestExpiredInFlight(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		w.put(dev1, &broker.Message{ID: "m1", To: "t", Ack: broker.AckFull, Expiry: time.Now().Add(time.Second), Body: []byte("body of m1")})
		p := wantMessage(c, "m1", false)
		time.Sleep(2 * time.Second)
		c.Acknowledge(p)
		c.WantAlive()
		w.wantFeedback("m1 Expired")
		w.wantLog("settlement refused")
	})
}

// TestNextConnect checks that what was not acknowledged comes at once in the next
// connection, in order, as what it was.
func TestNextConnect(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, c *rawclient.Client){
		"hang up":   func(_ *world, c *rawclient.Client) { c.HangUp() },
		"goodbye":   func(w *world, c *rawclient.Client) { w.bye(c) },
		"displaced": func(*world, *rawclient.Client) {},
		"silent":    func(_ *world, c *rawclient.Client) { c.WantEnd() },
	} {
		t.Run(name, func(t *testing.T) {
			// A lock that outlives the silence of the client.
			inWorld(t, settings{broker: broker.Options{LockTimeout: 5 * time.Minute}}, func(t *testing.T, w *world) {
				c := w.subscribed(mqttwire.AtLeastOnce)
				w.enqueue("m1", "m2", "m3")
				var sent []*mqttwire.Publish
				for _, id := range []string{"m1", "m2", "m3"} {
					sent = append(sent, wantMessage(c, id, false))
				}
				c.Acknowledge(sent[1])
				c.WantNothing()
				end(w, c)
				c = w.device(true)
				w.enqueue("m4")
				first, third := wantMessage(c, "m1", true), wantMessage(c, "m3", true)
				if first.ID != sent[0].ID || third.ID != sent[2].ID {
					t.Errorf("packet ids %d and %d, want %d and %d", first.ID, third.ID, sent[0].ID, sent[2].ID)
				}
				c.Acknowledge(wantMessage(c, "m4", false))
				c.Acknowledge(third)
				c.Acknowledge(sent[0]) // of the first connection: the same packet
				c.WantNothing()
				w.wantFeedback("m2 Success", "m4 Success", "m3 Success", "m1 Success")
			})
		})
	}
}

// TestNextConnectClean checks that nothing is left of a session before.
func TestNextConnectClean(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		w.enqueue("m1")
		first := wantMessage(c, "m1", false)
		c.HangUp()
		c = w.clean()
		c.Acknowledge(first) // which this client cannot have got
		c.Subscribe(mqttwire.AtLeastOnce, messages)
		if again := wantMessage(c, "m1", false); again.ID == first.ID {
			t.Error("the packet id was given again at once")
		}
		w.wantFeedback()
	})
}
