package localhub

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// TestQueueFullOnTheWire checks the 51st message, and that the limit is the
// device's own.
func TestQueueFullOnTheWire(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.service()
		c.Sender(0, serviceAddress)
		for _, id := range names(1, 50) {
			if refused := c.sendC2D(c2d(id)); refused != nil {
				t.Fatal(refused)
			}
		}
		refused := rawclient.WantCondition(t, "the 51st", c.sendC2D(c2d("m51")), amqpserver.CondLimitExceeded)
		wantHubError(t, refused, int(broker.QueueFull))
		other := c2d("m52")
		other.Properties.To = "/devices/dev2/messages/devicebound"
		if refused := c.sendC2D(other); refused != nil {
			t.Errorf("to another device: %v", refused)
		}
		dev := w.listening(1)
		dev.wantMessages(1, "m1")
		rawclient.WantCondition(t, "still the 51st", c.sendC2D(c2d("m51")), amqpserver.CondLimitExceeded)
		dev.Settle(1, &amqpwire.Accepted{})
		dev.WantNothing()
		if refused := c.sendC2D(c2d("m51")); refused != nil {
			t.Errorf("after the first is complete: %v", refused)
		}
	})
}

// TestNotAMessage sends bytes that are not a message.
func TestNotAMessage(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.putToken(token("iothubowner", testHost, time.Hour))
		for _, address := range []string{serviceAddress, eventsAddress, "$cbs"} {
			c.Sender(0, address)
			for _, b := range [][]byte{{0xff}, {0x00, 0x53, 0x75}, {0x40}} {
				c.sendBytes(b)
				d := want[*amqpwire.Disposition](c)
				rejected, ok := d.State.(*amqpwire.Rejected)
				if !ok {
					t.Fatalf("%s: state %T, want rejected", address, d.State)
				}
				rawclient.WantCondition(t, address, rejected.Error, amqpserver.CondDecodeError)
			}
			c.Send(0, &amqpwire.Detach{Closed: true})
			want[*amqpwire.Detach](c)
		}
	})
}

// TestPurge checks the way in from outside.
func TestPurge(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.enqueue(names(1, 3)...)
		c := w.device("dev1")
		c.second(1)
		c.wantMessages(1, "m1")
		for _, test := range []struct {
			device string
			n      int
			ok     bool
		}{{"dev1", 3, true}, {"dev1", 0, true}, {"dev2", 0, true}, {"nobody", 0, false}, {"", 0, false}} {
			if n, ok := w.hub.Purge(test.device); n != test.n || ok != test.ok {
				t.Errorf("purge %q: %d, %v, want %d, %v", test.device, n, ok, test.n, test.ok)
			}
		}
		c.Dispose(1, nil, &amqpwire.Accepted{})
		rawclient.WantCondition(t, "answer", c.WantAnswer(1), condLockLost)
	})
}

// TestOptionsReachTheQueue checks that a hub's settings are its devices'.
func TestOptionsReachTheQueue(t *testing.T) {
	inWorld(t, Options{LockTimeout: time.Second, DefaultTTL: time.Minute, MaxDeliveryCount: 2, MaxQueue: 1, CountLostLocks: true}, func(t *testing.T, w *world) {
		w.enqueue("m1")
		q := w.queueOf("dev1")
		if err := q.Put(new(broker.Message)); !errors.Is(err, broker.ErrQueueFull) {
			t.Errorf("a second message: %v, want %v", err, broker.ErrQueueFull)
		}
		for n := range 2 {
			if d, ok := q.Take(); !ok || d.DeliveryCount != n {
				t.Errorf("delivery %d: %+v, %v", n, d, ok)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		w.enqueue("m2") // the first is dead: two locks were lost
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := q.Len(); n != 0 {
			t.Errorf("%d messages after a minute, want none", n)
		}
		if h, err := New(&Options{Devices: []Device{{ID: "d"}, {ID: "d"}}}); err == nil {
			t.Errorf("two devices of one id: %v", fmt.Sprint(h))
		}
	})
}
