package amqpserver

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// link returns the link to an address of the connection that came last.
func (w *world) link(address string) *Link {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.conns[len(w.conns)-1].Links() {
		if l.Address() == address {
			return l
		}
	}
	w.t.Fatalf("there is no link to %s", address)
	return nil
}

// TestInterrupt checks links that are ended from another goroutine, a message in
// the client's hands.
func TestInterrupt(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		q := w.queue("q")
		q.put("m1", "m2")
		c := w.listening(1)
		wantMessages(c, 0, "m1")
		c.Sender(1, "other")
		for _, test := range []struct {
			address string
			handle  uint32
		}{{"q", 0}, {"other", 1}} {
			l := w.link(test.address)
			l.Interrupt(Errorf(CondStolen, "It is mine."))
			d := rawclient.Want[*amqpwire.Detach](c)
			rawclient.WantCondition(t, "detach", d.Error, CondStolen)
			synctest.Wait()
			if !d.Closed || d.Handle != test.handle || !l.Gone() {
				t.Errorf("detach %+v, want handle %d closed", d, test.handle)
			}
			l.Interrupt(Errorf(CondStolen, "Once more."))
			l.Wake()
		}
		if got := q.took(); got != "m1 back, closed" {
			t.Errorf("the queue heard %q, want m1 back", got)
		}
		// What the client says now means nothing, and its answer changes nothing.
		c.Settle(0, &amqpwire.Accepted{})
		c.Credit(0, 1, 5)
		c.Transfer(&amqpwire.Transfer{Handle: 1}, []byte("m"))
		c.Send(0, &amqpwire.Detach{Closed: true})
		c.Send(0, &amqpwire.Detach{Handle: 1, Closed: true})
		c.WantNothing()
		if got := q.took() + w.queue("other").waiting(); got != "" {
			t.Errorf("the queues heard %q after the detach", got)
		}
	})
}

// TestWake checks that a wake is about one link, and the connection's about all.
func TestWake(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		for handle := range uint32(2) {
			c.Receiver(handle, fmt.Sprint("q", handle))
			c.Credit(handle, 0, 10)
		}
		synctest.Wait()
		for i := range 2 {
			q := w.queue(fmt.Sprint("q", i))
			q.ready = append(q.ready, item{1, 0, fmt.Sprint("m", i)}) // without a wake
		}
		c.WantNothing()
		w.link("q1").Wake()
		wantMessages(c, 0, "m1")
		c.WantNothing()
		w.conns[0].Wake()
		wantMessages(c, 1, "m0")
		c.WantNothing()
		l := w.link("q0")
		c.Send(0, &amqpwire.End{})
		rawclient.Want[*amqpwire.End](c)
		l.Wake()
		w.conns[0].Wake()
		c.WantNothing()
		_ = c.Net.Close()
		synctest.Wait()
		l.Wake() // it is nobody's any more
		l.Interrupt(Errorf(CondStolen, ""))
	})
}

// TestManyGoroutines wakes and interrupts links while messages come from many
// sides: each arrives once, whichever link it takes.
func TestManyGoroutines(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		const each = 100
		q := w.queue("q")
		c := w.begun()
		for handle := range uint32(4) {
			c.Receiver(handle, "q")
			c.Credit(handle, 0, 10*each)
		}
		synctest.Wait()
		var links []*Link
		for l := range w.conns[0].Links() {
			links = append(links, l)
		}
		var workers sync.WaitGroup
		for _, l := range links[1:] {
			workers.Go(func() {
				for range each {
					q.put("m")
					l.Wake()
				}
			})
		}
		workers.Go(func() { links[0].Interrupt(Errorf(CondStolen, "")) })
		workers.Wait()
		n, detached := 0, 0
		c.WantQuiet(func(r rawclient.Received) {
			switch body := r.Frame.Body.(type) {
			case *amqpwire.Transfer:
				n++
				c.Settle(*body.DeliveryID, &amqpwire.Accepted{})
			case *amqpwire.Detach:
				detached++
			}
		})
		if got := len(q.held) + len(q.ready); got != 0 || n < 3*each || detached != 1 {
			t.Errorf("%d messages came, %d are left, %d links detached, want at least %d, none and one", n, got, detached, 3*each)
		}
	})
}

// TestEndWithin ends a link, or its session, from within the calls of its sink
// and its source: nothing follows on what has ended.
func TestEndWithin(t *testing.T) {
	t.Parallel()
	reason := Errorf("x:y", "")
	for name, end := range map[string]func(l *Link){
		"link":    func(l *Link) { l.Detach(reason) },
		"session": func(l *Link) { l.Session().End(reason) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				wantEnd := func(c *client) {
					t.Helper()
					if name == "link" {
						rawclient.Want[*amqpwire.Detach](c)
					} else {
						rawclient.Want[*amqpwire.End](c)
					}
					c.WantNothing()
				}
				q := w.queue("q")
				q.put("m1", "m2", "m3")
				c := w.listening(2)
				wantMessages(c, 0, "m1", "m2")
				l := w.link("q")
				q.settle = func(Settlement) amqpwire.DeliveryState {
					q.mu.Unlock()
					defer q.mu.Lock()
					end(l)
					return &amqpwire.Accepted{}
				}
				c.Dispose(0, new(uint32(1)), &amqpwire.Accepted{})
				wantEnd(c)

				c = w.begun()
				c.Sender(0, "q")
				l = w.link("q")
				q.accept = func(Incoming) amqpwire.DeliveryState {
					end(l)
					return &amqpwire.Accepted{}
				}
				c.Transfer(&amqpwire.Transfer{}, []byte("m"))
				wantEnd(c)

				c = w.begun()
				c.Receiver(0, "call")
				l = w.link("call")
				l.sender.source = call{func() { end(l) }}
				c.Credit(0, 0, 1)
				wantEnd(c)
				c.WantAlive()
			})
		})
	}
}
