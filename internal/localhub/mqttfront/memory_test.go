package mqttfront

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// purse is a memory of so many bytes.
type purse struct{ left atomic.Int64 }

func newPurse(n int64) *purse {
	p := new(purse)
	p.left.Store(n)
	return p
}

func (p *purse) Take(n int) bool {
	if p.left.Add(int64(-n)) >= 0 {
		return true
	}
	p.left.Add(int64(n))
	return false
}

func (p *purse) Give(n int) { p.left.Add(int64(n)) }

// TestMemoryIsGivenBack checks that a connection, however it is used and ends, has
// nothing in the end.
func TestMemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, c *rawclient.Client){
		"goodbye":   func(w *world, c *rawclient.Client) { w.bye(c) },
		"hang up":   func(_ *world, c *rawclient.Client) { c.HangUp() },
		"midway":    func(_ *world, c *rawclient.Client) { c.Write([]byte("\x30\x80\x80\x08\x00\x01t")); c.HangUp() },
		"malformed": func(_ *world, c *rawclient.Client) { c.Write([]byte("\x82\x03\x00\x00\x00")); c.WantEnd() },
		"displaced": func(w *world, c *rawclient.Client) {
			next := w.device(true)
			c.WantEnd()
			synctest.Wait()
			w.bye(next)
		},
	} {
		t.Run(name, func(t *testing.T) {
			const all = 10 << 20
			p := newPurse(all)
			inWorld(t, settings{memory: p}, func(t *testing.T, w *world) {
				c := w.subscribed(mqttwire.AtLeastOnce)
				for i := range 20 {
					w.enqueue(fmt.Sprint("m", i))
					c.Acknowledge(wantMessage(c, fmt.Sprint("m", i), false))
					c.Send(&mqttwire.Publish{Topic: events, Payload: make([]byte, 250_000)})
				}
				c.WantAlive()
				synctest.Wait()
				if left := p.left.Load(); left != all {
					t.Errorf("%d bytes are left while nothing happens, want %d", left, all)
				}
				end(w, c)
				synctest.Wait()
				if left := p.left.Load(); left != all {
					t.Errorf("%d bytes are left in the end, want %d", left, all)
				}
			})
		})
	}
}

// TestMemoryIsBounded checks that a connection ends which wants too much, and no
// other.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	t.Run("a message", func(t *testing.T) {
		inWorld(t, settings{memory: newPurse(100_000)}, func(t *testing.T, w *world) {
			other, c := w.connect(), w.device(false)
			w.wantIn(other, hello("dev2"), false)
			c.Send(&mqttwire.Publish{Topic: events, Payload: make([]byte, 40_000)})
			c.WantAlive()
			c.Write(append([]byte("\x30\xe0\xd4\x03"), make([]byte, 60_000)...))
			c.WantEnd()
			w.wantEnded("as much as they may")
			other.WantAlive()
		})
	})
	t.Run("answers that nobody reads", func(t *testing.T) {
		inWorld(t, settings{memory: newPurse(300_000)}, func(t *testing.T, w *world) {
			near, far := net.Pipe()
			w.served.Go(func() { w.serve(far, nil) })
			c := rawclient.NewWithRoom(t, near, 1)
			w.wantIn(c, hello("dev1"), false)
			c.Subscribe(mqttwire.AtLeastOnce, messages)
			for range 10 {
				w.put(dev1, &broker.Message{To: "t", Body: []byte(strings.Repeat("x", 60_000))})
			}
			time.Sleep(goodbye)
			w.wantEnded("as much as they may")
			if n := w.mailbox(dev1).Len(); n != 10 {
				t.Errorf("%d messages are there, want all 10", n)
			}
		})
	})
}
