package amqpserver

import (
	"fmt"
	"strings"
	"testing"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

func TestMaxSessions(t *testing.T) {
	inWorld(t, Options{ChannelMax: 20}, func(t *testing.T, w *world) {
		c := w.opened(0)
		for channel := range uint16(21) {
			c.Begin(channel, 1)
		}
		c.Send(21, &amqpwire.Begin{})
		c.WantClose(CondFramingError)
	})
}

func TestMaxLinks(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.Begin(1, 1)
		for handle := range uint32(maxLinks - 1) {
			c.Receiver(handle, "q")
		}
		c.Send(1, rawclient.ReceiverAttach(0, "/no")) // a refused one counts until it is gone
		rawclient.Want[*amqpwire.Attach](c)
		rawclient.Want[*amqpwire.Detach](c)
		c.Send(0, rawclient.ReceiverAttach(maxLinks, "q"))
		rawclient.WantCondition(t, "end", rawclient.Want[*amqpwire.End](c).Error, CondLimitExceeded)
		c.Send(0, &amqpwire.End{})
		c.Begin(0, 1)
		for handle := range uint32(10) {
			c.Receiver(handle, "q")
		}
		if n := len(w.queue("q").links); n != 10 {
			t.Errorf("the queue has %d links, want 10", n)
		}
	})
}

// TestPartialMessagesAreBounded begins messages on many links, and ends none.
func TestPartialMessagesAreBounded(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		const perLink = 1 << 19
		begin := func(handle uint32) {
			c.Sender(handle, "q")
			for sent := 0; sent < perLink; sent += 32 << 10 {
				c.Send(0, &amqpwire.Transfer{Handle: handle, DeliveryID: &handle, More: true}, make([]byte, 32<<10)...)
			}
		}
		handle := uint32(0)
		for ; handle < maxPartial/perLink; handle++ {
			begin(handle)
		}
		c.Sender(handle, "q")
		c.Send(0, &amqpwire.Transfer{Handle: handle, DeliveryID: new(uint32), More: true}, 1)
		rawclient.WantCondition(t, "detach", rawclient.Want[*amqpwire.Detach](c).Error, CondLimitExceeded)
		// One that is given up, one that is detached: there is room for two.
		c.Send(0, &amqpwire.Transfer{Handle: 0, More: true, Aborted: true})
		c.Send(0, &amqpwire.Detach{Handle: 1, Closed: true})
		rawclient.Want[*amqpwire.Detach](c)
		begin(100)
		begin(101)
		c.WantNothing()
		if got := w.conns[0].partial; got != maxPartial {
			t.Errorf("%d bytes are counted, want %d", got, maxPartial)
		}
	})
}

// TestUnsettledDeliveriesAreBounded receives from two links and settles nothing:
// from the limit on, one more comes for each that is settled or given back.
func TestUnsettledDeliveriesAreBounded(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		for handle := range uint32(2) {
			c.Receiver(handle, fmt.Sprint("q", handle))
			c.Credit(handle, 0, 1<<20)
		}
		count := func() (n int) {
			c.WantQuiet(func(r rawclient.Received) {
				if _, ok := r.Frame.Body.(*amqpwire.Transfer); ok {
					n++
				}
			})
			return n
		}
		got := 0
		for range 11 {
			for i := range 2 {
				w.queue(fmt.Sprint("q", i)).put(names(1, maxUnsettled/20)...)
				got += count()
			}
		}
		if got != maxUnsettled {
			t.Errorf("%d deliveries, want %d", got, maxUnsettled)
		}
		c.Send(0, &amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: 7, Last: new(uint32(9)), Settled: true, State: &amqpwire.Accepted{}})
		if n := count(); n != 3 {
			t.Errorf("%d deliveries for three that were settled", n)
		}
		c.Send(0, &amqpwire.Detach{Handle: 1, Closed: true})
		rawclient.Want[*amqpwire.Detach](c)
		if n := count(); n != maxUnsettled/20-3 && n != maxUnsettled/20 {
			t.Errorf("%d deliveries after the other link has gone, want all that are left", n)
		}
	})
}

// TestSmallFrames checks that answers do not exceed the client's max-frame-size:
// they leave out what the client can do without, or say that they do not fit.
func TestSmallFrames(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("x", n) }
	properties := amqpwire.Map{{Key: amqpwire.Symbol("p"), Value: long(8000)}}
	for _, test := range []struct {
		name   string
		change func(a *amqpwire.Attach)
		want   string
	}{
		{"small", func(*amqpwire.Attach) {}, "attach"},
		{"properties", func(a *amqpwire.Attach) { a.Properties = properties }, "attach"},
		{"properties, not found", func(a *amqpwire.Attach) {
			a.Target.Address, a.Source.Address, a.Properties = "/no", "/no", properties
		}, "attach without terminus, detach amqp:not-found"},
		{"name", func(a *amqpwire.Attach) { a.Name, a.Properties = long(400), properties }, "attach"},
		{"long name", func(a *amqpwire.Attach) { a.Name = long(490) }, "end amqp:frame-size-too-small"},
		{"much too long name", func(a *amqpwire.Attach) { a.Name = long(2000) }, "end amqp:invalid-field"},
		{"addresses", func(a *amqpwire.Attach) { a.Source.Address, a.Target.Address = long(200), long(200) }, "attach"},
		{"long addresses", func(a *amqpwire.Attach) {
			a.Source.Address, a.Target.Address = long(490), long(490)
		}, "attach without terminus, detach amqp:frame-size-too-small"},
		{"much too long addresses", func(a *amqpwire.Attach) {
			a.Source.Address, a.Target.Address = long(5000), long(5000)
		}, "attach without terminus, detach amqp:invalid-field"},
	} {
		for _, role := range []bool{amqpwire.RoleSender, amqpwire.RoleReceiver} {
			t.Run(fmt.Sprint(test.name, role), func(t *testing.T) {
				inWorld(t, Options{}, func(t *testing.T, w *world) {
					c := w.opened(512)
					c.Begin(0, 5000)
					a := rawclient.SenderAttach(0, "q")
					a.Source.Address, a.Role = "q", role
					test.change(a)
					c.Send(0, a)
					if got := answerTo(c, a); got != test.want {
						t.Errorf("answer %q, want %q", got, test.want)
					}
					c.WantAlive()
				})
			})
		}
	}
}

// answerTo describes what comes back for an attach, in frames of 512 bytes.
func answerTo(c *client, a *amqpwire.Attach) string {
	c.T.Helper()
	var answer []string
	c.WantQuiet(func(r rawclient.Received) {
		b, err := amqpwire.AppendFrame(nil, r.Frame)
		if err != nil || len(b) > 512 {
			c.T.Errorf("a frame of %d bytes: %s, %v", len(b), rawclient.Show(r), err)
		}
		switch body := r.Frame.Body.(type) {
		case *amqpwire.Attach:
			text := "attach"
			if a.Role == amqpwire.RoleSender && body.Target == nil || a.Role == amqpwire.RoleReceiver && body.Source == nil {
				text += " without terminus"
			}
			if body.Name != a.Name || body.MaxMessageSize != nil && *body.MaxMessageSize != 1<<20 {
				c.T.Errorf("attach %+v", body)
			}
			answer = append(answer, text)
		case *amqpwire.Detach:
			answer = append(answer, "detach "+string(body.Error.Condition))
		case *amqpwire.End:
			answer = append(answer, "end "+string(body.Error.Condition))
		}
	})
	return strings.Join(answer, ", ")
}

// TestLongNames checks that names which no client needs cost the link only, and
// that neither they nor a client's errors fill the log.
func TestLongNames(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		long := strings.Repeat("ä", 10_000)
		c := w.connect()
		c.Open(&amqpwire.Open{ContainerID: long})
		c.Begin(0, 5000)
		a := rawclient.SenderAttach(0, "q")
		a.Name = strings.Repeat("n", maxName)
		c.Send(0, a)
		rawclient.Want[*amqpwire.Attach](c)
		rawclient.Want[*amqpwire.Flow](c)
		c.Send(0, &amqpwire.Detach{Error: &amqpwire.Error{Condition: amqpwire.Symbol(strings.Repeat("c", 9000)), Description: long}})
		rawclient.Want[*amqpwire.Detach](c)
		for _, a := range []*amqpwire.Attach{rawclient.SenderAttach(0, "q"), rawclient.ReceiverAttach(0, "q")} {
			a.Name = long
			c.WantRefused(a, CondInvalidField)
			a = rawclient.ReceiverAttach(0, long)
			c.WantRefused(a, CondInvalidField)
		}
		c.WantRefused(rawclient.ReceiverAttach(0, "/"+long[:maxAddress-10]), CondNotFound)
		c.Send(0, &amqpwire.End{Error: &amqpwire.Error{Condition: "x:y", Description: long}})
		rawclient.Want[*amqpwire.End](c)
		c.Send(0, &amqpwire.Close{Error: &amqpwire.Error{Condition: "x:y", Description: long}})
		_ = c.Net.Close()
		w.wantEnded("closed by the client: x:y: ääää")
		for _, line := range append(w.lines, w.ends[0].Error()) {
			if len(line) > 3*maxLogName+maxLogReason+100 {
				t.Errorf("a line of %d bytes in the log: %s", len(line), line)
			}
		}
		if len(w.lines) < 7 {
			t.Errorf("%d lines in the log, want all that has happened", len(w.lines))
		}
	})
}
