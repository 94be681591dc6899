package amqpserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestAt checks that the latest call counts, and that a call may set the next.
func TestAt(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		conn := w.conns[0]
		start := time.Now()
		var calls []string
		note := func(name string) func() {
			return func() { calls = append(calls, fmt.Sprint(name, time.Since(start))) }
		}
		onOwner(conn, func() {
			conn.At(start.Add(time.Second), note("replaced"))
			conn.At(start.Add(2*time.Second), func() {
				note("first ")()
				conn.At(start.Add(3*time.Second), note("second "))
			})
		})
		time.Sleep(10 * time.Second)
		onOwner(conn, func() {
			conn.At(start.Add(time.Minute), note("cleared"))
			conn.At(time.Time{}, nil)
		})
		time.Sleep(2 * time.Minute)
		c.Send(0, nil)
		onOwner(conn, func() { conn.At(start, note("past ")) })
		if got, want := strings.Join(calls, ", "), "first 2s, second 3s, past 2m10s"; got != want {
			t.Errorf("calls %q, want %q", got, want)
		}
		c.WantAlive()
	})
}

// onOwner runs f on the connection's owner goroutine, by way of a source.
func onOwner(c *Conn, f func()) {
	l := &Link{session: &Session{conn: c, remoteWindow: 1}}
	l.sender = &sender{Link: l, source: call{func() { f(); l.detached = true }}, credit: 1}
	l.Wake()
	synctest.Wait()
}

// call is a source that calls f when it is asked for a message.
type call struct{ f func() }

func (c call) Next() (Outgoing, bool)                 { c.f(); return Outgoing{}, true }
func (call) Empty() bool                              { return true }
func (call) Settle(Settlement) amqpwire.DeliveryState { return nil }
func (call) Release([][]byte)                         {}
func (call) Close()                                   {}

// TestFrameHook checks what the hook sees, and what it can do about it.
func TestFrameHook(t *testing.T) {
	t.Parallel()
	var seen []string
	hook := func(c *Conn, f amqpwire.Frame) (bool, error) {
		seen = append(seen, fmt.Sprintf("%T", f.Body)[len("*amqpwire."):])
		switch body := f.Body.(type) {
		case *amqpwire.Begin:
			return body.OutgoingWindow == 13, nil
		case *amqpwire.Detach:
			return false, Errorf("x:told", "")
		case *amqpwire.Disposition:
			return true, errors.New("untold")
		}
		return false, nil
	}
	for _, test := range []struct {
		end       amqpwire.Performative
		condition amqpwire.Symbol
		why       string
	}{
		{&amqpwire.Detach{}, "x:told", "x:told"},
		{&amqpwire.Disposition{}, "", "untold"},
		{&amqpwire.Close{}, "", ""}, // it does not see that
	} {
		t.Run(fmt.Sprintf("%T", test.end), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen = nil
				w := newWorld(t, Options{Frame: hook})
				c := w.begun()
				c.Send(1, &amqpwire.Begin{OutgoingWindow: 13})
				c.Send(0, nil)
				c.WantNothing()
				c.Send(0, test.end)
				c.WantClose(test.condition)
				w.wantEnded(test.why)
				want := "Begin Begin " + strings.TrimPrefix(fmt.Sprintf("%T", test.end), "*amqpwire.")
				if got := strings.Join(seen, " "); got != strings.TrimSuffix(want, " Close") {
					t.Errorf("the hook saw %q, want %q", got, want)
				}
			})
		})
	}
}

// TestConcerned checks which link a frame is about.
func TestConcerned(t *testing.T) {
	var about []string
	o := Options{Frame: func(c *Conn, f amqpwire.Frame) (bool, error) {
		switch f.Body.(type) {
		case *amqpwire.Begin, *amqpwire.Attach, *amqpwire.End:
			return false, nil
		}
		name := "none"
		if l := c.Concerned(f); l != nil {
			name = l.Address()
			if l.Conn() != c || l.Session() != c.Session(0) || (l.Sink() == nil) == (l.Source() == nil) {
				t.Errorf("link %+v of another connection or session", l)
			}
		}
		about = append(about, name)
		return false, nil
	}}
	inWorld(t, o, func(t *testing.T, w *world) {
		w.queue("q").put("m1")
		c := w.listening(1) // a flow
		wantMessages(c, 0, "m1")
		c.Sender(1, "other")
		c.Send(0, &amqpwire.Transfer{Handle: 1, DeliveryID: new(uint32), Settled: true}, 1)
		c.Send(0, &amqpwire.Flow{NextIncomingID: new(uint32(1))}) // of the session
		c.Settle(9, &amqpwire.Accepted{})
		c.Settle(0, &amqpwire.Accepted{})
		c.Send(0, rawclient.SenderAttach(2, "/no"))
		c.Send(0, &amqpwire.Transfer{Handle: 2})
		c.Send(0, &amqpwire.Transfer{Handle: 99}) // ends the session
		c.Send(0, &amqpwire.Transfer{Handle: 1})
		synctest.Wait()
		if got, want := strings.Join(about, " "), "q other none none q none none none"; got != want {
			t.Errorf("frames about %q, want %q", got, want)
		}
	})
}

// TestMute checks that a muted connection is silent, and does not even hear a
// close. What ends it is the silence of the client.
func TestMute(t *testing.T) {
	o := Options{Frame: func(c *Conn, f amqpwire.Frame) (bool, error) {
		if _, ok := f.Body.(*amqpwire.End); ok {
			c.Mute()
			return true, nil
		}
		return false, nil
	}}
	inWorld(t, o, func(t *testing.T, w *world) {
		c := w.listening(9)
		c.Send(0, &amqpwire.End{})
		start := time.Now()
		w.queue("q").put("m1")
		c.Send(0, rawclient.SenderAttach(1, "q"))
		c.Send(0, &amqpwire.Close{})
		c.WantNothing()
		c.WantEnd() // no heartbeats meanwhile
		if got := time.Since(start); got != 240*time.Second {
			t.Errorf("the end after %v, want 4m0s", got)
		}
	})
}

func TestLinks(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.Sender(0, "a")
		c.Receiver(1, "b")
		c.Send(0, rawclient.SenderAttach(2, "/no"))
		rawclient.Want[*amqpwire.Attach](c)
		rawclient.Want[*amqpwire.Detach](c)
		c.Begin(1, 1)
		c.Send(1, rawclient.ReceiverAttach(0, "c"))
		rawclient.Want[*amqpwire.Attach](c)
		conn := w.conns[0]
		onOwner(conn, func() {
			var all, one []string
			for l := range conn.Links() {
				all = append(all, l.Name()+l.Address())
			}
			for l := range conn.Session(1).Links() {
				one = append(one, l.Address())
			}
			for range conn.Links() {
				break
			}
			slices.Sort(all)
			if got := fmt.Sprint(all, one); got != "[inb inc outa] [c]" {
				t.Errorf("links %s", got)
			}
			if s := conn.Session(5); s != nil {
				t.Errorf("session %+v on a channel that has none", s)
			}
			conn.Log().Info("hello")
		})
		if !w.logged("hello", "container=raw") {
			t.Errorf("log %q, want the container", w.lines)
		}
	})
}
