package mqttfront

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// TestNewConnectionDisplaces checks that a device has one connection, and that
// others are not concerned.
func TestNewConnectionDisplaces(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		other, module := w.connect(), w.connect()
		w.wantIn(other, hello("dev2"), false)
		w.wantIn(module, hello("dev1/mod1"), false)
		first := w.device(false)
		second := w.device(true)
		first.WantEnd()
		w.wantEnded("another client has connected")
		second.WantAlive()
		w.clean().WantAlive()
		second.WantEnd()
		other.WantAlive()
		module.WantAlive()
	})
}

// TestRefusedClientDisplacesNobody checks that it takes a good token.
func TestRefusedClientDisplacesNobody(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.device(false)
		w.connect().Connect(changed("dev1", func(p *mqttwire.Connect) { p.Password = nil }))
		c.WantAlive()
	})
}

// TestStuckConnectionIsDisplaced checks that a client which does not read does not
// keep the next one waiting.
func TestStuckConnectionIsDisplaced(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		near, far := net.Pipe()
		w.served.Go(func() { w.serve(far, nil) })
		stuck := rawclient.NewWithRoom(t, near, 1)
		w.wantIn(stuck, hello("dev1"), false)
		stuck.Subscribe(mqttwire.AtLeastOnce, messages)
		for range 200 {
			stuck.Send(&mqttwire.PingReq{}) // nobody reads the answers
			if synctest.Wait(); len(stuck.In) == cap(stuck.In) {
				break
			}
		}
		go func() {
			for range 200 {
				stuck.Send(&mqttwire.PingReq{})
			}
		}()
		synctest.Wait()
		start := time.Now()
		w.enqueue("m1")
		c := w.device(true)
		wantMessage(c, "m1", false)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the next connection waited for %v", waited)
		}
	})
}

// TestUnsentIsReadyAtOnce checks that with QoS 0 the next client gets what the one
// before did not take.
func TestUnsentIsReadyAtOnce(t *testing.T) {
	inWorld(t, settings{broker: broker.Options{MaxQueue: 200}}, func(t *testing.T, w *world) {
		near, far := net.Pipe()
		w.served.Go(func() { w.serve(far, nil) })
		stuck := rawclient.NewWithRoom(t, near, 1)
		w.wantIn(stuck, hello("dev1"), false)
		stuck.Subscribe(mqttwire.AtMostOnce, messages)
		for i := range 200 {
			w.enqueue(fmt.Sprint("m", i))
		}
		synctest.Wait()
		completed := len(w.feedback())
		c := w.device(true)
		for i := completed; i < 200; i++ {
			if p := rawclient.Want[*mqttwire.Publish](c); rawclient.MessageID(p) != fmt.Sprint("m", i) {
				t.Fatalf("got %+v, want m%d", p, i)
			}
		}
		c.WantNothing()
		if got := len(w.feedback()); completed == 0 || completed+got != 200 {
			t.Errorf("%d complete before, %d after, want 200 in all", completed, got)
		}
	})
}

// TestManyConnectAtOnce checks that one of many is left, and works.
func TestManyConnectAtOnce(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		w.bye(w.subscribed(mqttwire.AtLeastOnce))
		w.enqueue("m1", "m2")
		var clients []*rawclient.Client
		for range 20 {
			c := w.connect()
			go c.Send(hello("dev1"))
			clients = append(clients, c)
		}
		synctest.Wait()
		var left []*rawclient.Client
		for _, c := range clients {
			select {
			case <-c.Over:
			default:
				left = append(left, c)
			}
		}
		if len(left) != 1 {
			t.Fatalf("%d clients are left, want 1", len(left))
		}
		c := left[0]
		if got := rawclient.Want[*mqttwire.ConnAck](c); !got.SessionPresent {
			t.Errorf("CONNACK %+v, want a session", got)
		}
		for range 2 {
			c.Acknowledge(rawclient.Want[*mqttwire.Publish](c))
		}
		c.WantNothing()
		w.wantFeedback("m1 Success", "m2 Success")
	})
}

// taker is another door's receiver.
type taker struct{ displaced chan struct{} }

func (t *taker) Displace() { close(t.displaced) }

// TestOtherDoors checks that MQTT displaces other receivers, is displaced by them,
// and gives back what it has.
func TestOtherDoors(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		mailbox := w.mailbox(dev1)
		before, after := &taker{make(chan struct{})}, &taker{make(chan struct{})}
		mailbox.Claim(before)
		c := w.subscribed(mqttwire.AtLeastOnce)
		<-before.displaced
		w.enqueue("m1", "m2")
		sent := wantMessage(c, "m1", false)
		wantMessage(c, "m2", false)
		mailbox.Claim(after)
		c.WantEnd()
		synctest.Wait()
		d, ok := mailbox.Take()
		if !ok || d.Message.ID != "m1" || d.DeliveryCount != 0 {
			t.Errorf("took %+v, %v, want m1, uncounted", d, ok)
		}
		c = w.device(true)
		<-after.displaced
		wantMessage(c, "m2", true)
		c.Acknowledge(sent) // which another has now
		c.WantNothing()
		time.Sleep(time.Minute) // until the other's lock runs out
		wantMessage(c, "m1", false)
	})
}
