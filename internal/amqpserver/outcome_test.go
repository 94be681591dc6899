package amqpserver

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// undecided has the queue keep what it would answer to messages and settlements for
// later.
func (q *queue) undecided() (messages *[]Incoming, settlements *[]Settlement) {
	messages, settlements = new([]Incoming), new([]Settlement)
	q.accept = func(m Incoming) amqpwire.DeliveryState {
		*messages = append(*messages, m)
		return Later
	}
	q.settle = func(s Settlement) amqpwire.DeliveryState {
		*settlements = append(*settlements, s)
		return Later
	}
	return messages, settlements
}

// send sends messages on handle 0, with delivery ids from first.
func send(c *client, first, n uint32, body string) {
	c.T.Helper()
	for id := first; id < first+n; id++ {
		c.Transfer(&amqpwire.Transfer{DeliveryID: &id}, []byte(body))
	}
	synctest.Wait()
}

// wantSettled checks the ids of the dispositions that come, in their order.
func wantSettled(c *client, role bool, want ...uint32) {
	c.T.Helper()
	var got []uint32
	c.WantQuiet(func(r rawclient.Received) {
		switch body := r.Frame.Body.(type) {
		case *amqpwire.Disposition:
			if body.Role != role || !body.Settled || body.Last != nil {
				c.T.Errorf("disposition %+v", body)
			}
			got = append(got, body.First)
		case *amqpwire.Flow:
		default:
			c.T.Errorf("the server sent %s", rawclient.Show(r))
		}
	})
	if !slices.Equal(got, want) {
		c.T.Fatalf("settled %v, want %v", got, want)
	}
}

// TestOutcomeLater settles messages from another goroutine, in any order, while the
// client goes on.
func TestOutcomeLater(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		messages, _ := w.queue("q").undecided()
		c := w.begun()
		c.Sender(0, "q")
		send(c, 0, 3, "m")
		c.Transfer(&amqpwire.Transfer{DeliveryID: new(uint32(3)), Settled: true}, []byte("m"))
		wantSettled(c, amqpwire.RoleReceiver)
		m := *messages
		m[2].Settle(&amqpwire.Accepted{})
		wantSettled(c, amqpwire.RoleReceiver, 2)
		c.WantAlive()
		m[3].Settle(&amqpwire.Accepted{}) // nobody waits for it
		m[1].Settle(nil)                  // there is none
		m[0].Settle(&amqpwire.Rejected{Error: Errorf("too:late", "")})
		d := rawclient.Want[*amqpwire.Disposition](c)
		if r, ok := d.State.(*amqpwire.Rejected); !ok || d.First != 0 || r.Error.Condition != "too:late" {
			t.Errorf("disposition %+v", d)
		}
		c.WantNothing()
	})
}

// TestAnswerLater answers settlements from another goroutine. Until then the client
// is not heard on them any more.
func TestAnswerLater(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		q := w.queue("q")
		_, settlements := q.undecided()
		q.put("m1", "m2", "m3")
		c := w.listening(3)
		wantMessages(c, 0, "m1", "m2", "m3")
		c.Dispose(0, new(uint32(1)), &amqpwire.Accepted{})
		c.Settle(2, &amqpwire.Accepted{})
		c.Dispose(0, new(uint32(2)), &amqpwire.Released{})
		c.Send(0, &amqpwire.Disposition{Role: amqpwire.RoleReceiver, Settled: true})
		c.WantNothing()
		if got, want := q.took(), "m1 accepted(), m2 accepted(), m3 accepted()"; got != want {
			t.Fatalf("the queue heard %q, want %q", got, want)
		}
		s := *settlements
		s[2].Answer(&amqpwire.Accepted{}) // nobody waits for it
		s[1].Answer(&amqpwire.Accepted{})
		s[0].Answer(&amqpwire.Accepted{})
		wantSettled(c, amqpwire.RoleSender, 1, 0)
		c.Dispose(0, new(uint32(2)), &amqpwire.Released{})
		c.WantNothing()
		if q.took() != "" {
			t.Error("the queue heard more")
		}
	})
}

// TestPreSettledLater has the source answer later on a link whose messages are
// settled when they are sent.
func TestPreSettledLater(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		q := w.queue("q")
		_, settlements := q.undecided()
		q.put("m1", "m2")
		c := w.begun()
		a := rawclient.ReceiverAttach(0, "q")
		a.SndSettleMode = new(amqpwire.SenderSettled)
		c.Send(0, a)
		rawclient.Want[*amqpwire.Attach](c)
		c.Credit(0, 0, 2)
		wantMessages(c, 0, "m1", "m2")
		synctest.Wait()
		for _, s := range *settlements {
			s.Answer(&amqpwire.Accepted{})
		}
		c.WantNothing()
		if d := w.conns[0].debt; d.results != 0 {
			t.Errorf("the server owes %d answers", d.results)
		}
	})
}

// TestLaterThanTheLink ends links, sessions and connections before the outcomes are
// known: they go nowhere, and what is being settled is not given back.
func TestLaterThanTheLink(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, c *client){
		"client's detach": func(_ *world, c *client) {
			for handle := range uint32(2) {
				c.Send(0, &amqpwire.Detach{Handle: handle, Closed: true})
				rawclient.Want[*amqpwire.Detach](c)
			}
		},
		"server's detach": func(w *world, c *client) {
			for _, address := range []string{"in", "out"} {
				w.link(address).Interrupt(Errorf(CondStolen, ""))
				rawclient.Want[*amqpwire.Detach](c)
			}
		},
		"client's end": func(_ *world, c *client) {
			c.Send(0, &amqpwire.End{})
			rawclient.Want[*amqpwire.End](c)
		},
		"server's end": func(_ *world, c *client) {
			c.Send(0, &amqpwire.Transfer{Handle: 9})
			rawclient.Want[*amqpwire.End](c)
		},
		"another session": func(_ *world, c *client) {
			c.Send(0, &amqpwire.End{})
			rawclient.Want[*amqpwire.End](c)
			c.Begin(0, 5000)
		},
		"hang-up": func(_ *world, c *client) { _ = c.Net.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				messages, _ := w.queue("in").undecided()
				_, settlements := w.queue("out").undecided()
				w.queue("out").put("m1", "m2")
				c := w.begun()
				c.Sender(0, "in")
				c.Receiver(1, "out")
				c.Credit(1, 0, 2)
				wantMessages(c, 0, "m1", "m2")
				send(c, 0, 1, "m")
				c.Dispose(0, nil, &amqpwire.Accepted{})
				synctest.Wait()
				w.queue("out").took()
				end(w, c)
				synctest.Wait()
				(*messages)[0].Settle(&amqpwire.Accepted{})
				(*settlements)[0].Answer(&amqpwire.Accepted{})
				if name != "hang-up" {
					c.WantNothing()
				}
				want := "m2 back, closed"
				if name == "server's end" || name == "hang-up" {
					want = "closed"
				}
				if got := w.queue("out").took(); got != want {
					t.Errorf("the queue heard %q, want %q", got, want)
				}
			})
		})
	}
}

// TestDebtIsBounded checks that nothing more is read of a client that has sent
// much and got no outcome, and that it goes on when it gets some.
func TestDebtIsBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		size, most int
	}{
		"many": {1, maxDebt/(messageCost+1) + 1},
		"long": {100_000, maxDebt/(messageCost+100_000) + 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{MaxFrameSize: 1 << 20}, func(t *testing.T, w *world) {
				messages, _ := w.queue("q").undecided()
				c := w.begun()
				c.Sender(0, "q")
				const more = 10
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					for id := range uint32(test.most + more) {
						c.Transfer(&amqpwire.Transfer{DeliveryID: &id}, make([]byte, test.size))
					}
				}()
				synctest.Wait()
				if got := len(*messages); got != test.most {
					t.Fatalf("%d messages were taken, want %d", got, test.most)
				}
				for _, m := range (*messages)[:test.most] {
					m.Settle(&amqpwire.Accepted{})
				}
				<-sent
				synctest.Wait()
				if got := len(*messages); got != test.most+more {
					t.Fatalf("%d messages were taken, want %d", got, test.most+more)
				}
				for _, m := range (*messages)[test.most:] {
					m.Settle(&amqpwire.Accepted{})
				}
				n := 0
				c.WantQuiet(func(r rawclient.Received) {
					if _, ok := r.Frame.Body.(*amqpwire.Disposition); ok {
						n++
					}
				})
				if n != test.most+more {
					t.Errorf("%d outcomes, want %d", n, test.most+more)
				}
			})
		})
	}
}

// TestCloseAfterOutcomes checks that a server which closes gives the outcomes that
// it owes first, unless that takes too long, and takes no more messages.
func TestCloseAfterOutcomes(t *testing.T) {
	t.Parallel()
	for name, inTime := range map[string]bool{"in time": true, "too late": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				messages, _ := w.queue("q").undecided()
				c := w.begun()
				c.Sender(0, "q")
				send(c, 0, 2, "m")
				w.stop()
				synctest.Wait()
				go c.Transfer(&amqpwire.Transfer{DeliveryID: new(uint32(2))}, []byte("m"))
				c.WantNothing()
				if !inTime {
					time.Sleep(closeGrace)
					c.WantEnd()
					return
				}
				(*messages)[0].Settle(&amqpwire.Accepted{})
				wantSettled(c, amqpwire.RoleReceiver, 0)
				(*messages)[1].Settle(&amqpwire.Accepted{})
				if d := rawclient.Want[*amqpwire.Disposition](c); d.First != 1 {
					t.Errorf("disposition %+v, want of 1", d)
				}
				rawclient.Want[*amqpwire.Detach](c)
				c.WantClose(CondConnectionForced)
				if len(*messages) != 2 {
					t.Error("a message was taken at the end")
				}
			})
		})
	}
}
