package amqpserver

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// ledger is a [Memory] of so many bytes.
type ledger struct {
	mu   sync.Mutex
	left int
}

func (l *ledger) Take(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > l.left {
		return false
	}
	l.left -= n
	return true
}

func (l *ledger) Give(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left += n
}

// TestUntrustedClientIsBounded checks how much of everything a client can make the
// server hold that has not shown who it is, and that there is more once it has.
func TestUntrustedClientIsBounded(t *testing.T) {
	t.Parallel()
	const bound = 16 << 10
	left := bound - sessionCost // of the first session
	attach := func(address, name string) func(*world, *client, int) *amqpwire.Error {
		return func(_ *world, c *client, i int) *amqpwire.Error {
			a := rawclient.ReceiverAttach(uint32(i), address)
			a.Name = name
			c.Send(0, a)
			if end, ok := c.Next().Frame.Body.(*amqpwire.End); ok {
				return end.Error
			}
			if address[0] == '/' {
				rawclient.Want[*amqpwire.Detach](c)
			}
			return nil
		}
	}
	long := strings.Repeat("n", 1000)
	for _, test := range []struct {
		name string
		do   func(w *world, c *client, i int) *amqpwire.Error // one thing more; why it was refused
		want int
	}{
		{"sessions", func(_ *world, c *client, i int) *amqpwire.Error {
			c.Send(uint16(i+1), &amqpwire.Begin{})
			if closed, ok := c.Next().Frame.Body.(*amqpwire.Close); ok {
				return closed.Error
			}
			return nil
		}, left / sessionCost},
		{"links", attach("q", "in"), left / (linkCost + 3)},
		{"links with long names", attach("q", long), left / (linkCost + 1001)},
		{"links with long addresses", attach(long, "in"), left / (linkCost + 1002)},
		{"refused links", attach("/", "in"), left / (linkCost + 3)},
		{"unfinished messages", func(_ *world, c *client, i int) *amqpwire.Error {
			if i == 0 {
				c.Sender(0, "q")
			}
			c.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32), More: true}, make([]byte, 1000)...)
			synctest.Wait()
			if len(c.In) == 0 {
				return nil
			}
			return rawclient.Want[*amqpwire.Detach](c).Error
		}, (left - linkCost) / 1000},
		{"what the handler holds", func(w *world, _ *client, _ int) *amqpwire.Error {
			return w.conns[len(w.conns)-1].Hold(100)
		}, left / 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{Untrusted: bound}, func(t *testing.T, w *world) {
				c := w.begun()
				for i := range test.want {
					if refused := test.do(w, c, i); refused != nil {
						t.Fatalf("refused after %d, want %d: %v", i, test.want, refused)
					}
				}
				rawclient.WantCondition(t, "one more", test.do(w, c, test.want), CondLimitExceeded)
				c = w.begun()
				w.conns[1].Trust()
				for i := range 2 * test.want {
					if refused := test.do(w, c, i); refused != nil {
						t.Fatalf("trusted, and refused after %d: %v", i, refused)
					}
				}
			})
		})
	}
}

// TestWhatIsGivenUpIsFreed checks that an untrusted client may do for ever what it
// undoes.
func TestWhatIsGivenUpIsFreed(t *testing.T) {
	inWorld(t, Options{Untrusted: 4 << 10}, func(t *testing.T, w *world) {
		c := w.begun()
		for range 100 {
			c.Begin(1, 1)
			c.Send(1, &amqpwire.End{})
			rawclient.Want[*amqpwire.End](c)
			c.WantRefused(rawclient.ReceiverAttach(5, "/"), CondNotFound)
			c.Sender(5, "q")
			c.Send(0, &amqpwire.Transfer{Handle: 5, DeliveryID: new(uint32), More: true}, make([]byte, 500)...)
			c.Send(0, &amqpwire.Transfer{Handle: 5, Aborted: true})
			c.Transfer(&amqpwire.Transfer{Handle: 5, DeliveryID: new(uint32(1))}, make([]byte, 500))
			rawclient.WantAfterFlows[*amqpwire.Disposition](c)
			c.Send(0, &amqpwire.Transfer{Handle: 5, DeliveryID: new(uint32(2)), More: true}, make([]byte, 500)...)
			c.Send(0, &amqpwire.Detach{Handle: 5, Closed: true})
			rawclient.Want[*amqpwire.Detach](c)
		}
		synctest.Wait()
		if got := w.conns[0].held; got != sessionCost {
			t.Errorf("%d bytes are held, want those of a session", got)
		}
	})
}

// TestUntrustedFrames checks that large frames are not even read: one that is
// decoded can cost many times its size.
func TestUntrustedFrames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		say  func(w *world) *client
	}{
		{"open", func(w *world) *client {
			c := w.connect()
			c.SendHeader(amqpwire.HeaderAMQP)
			if got := c.Next().Header; got != amqpwire.HeaderAMQP {
				t.Errorf("header %q", got)
			}
			return c
		}},
		{"SASL", func(w *world) *client {
			c := w.connect()
			c.SendHeader(amqpwire.HeaderSASL)
			c.Next()
			rawclient.Want[*amqpwire.SASLMechanisms](c)
			return c
		}},
		{"later", func(w *world) *client { return w.begun() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{Untrusted: 16 << 10}, func(t *testing.T, w *world) {
				c := test.say(w)
				c.Write([]byte{0, 0, 0x10, 0x01, 2, 0, 0, 0}) // 4097 bytes: the size is enough
				if test.name == "later" {
					c.WantClose(CondLimitExceeded)
				}
				c.WantEnd()
				w.wantEnded("may send frames of 4096 bytes")
			})
		})
	}
}

// TestTrustLiftsTheFrameLimit sends frames of both sizes.
func TestTrustLiftsTheFrameLimit(t *testing.T) {
	inWorld(t, Options{Untrusted: 16 << 10}, func(t *testing.T, w *world) {
		c := w.begun()
		c.Sender(0, "q")
		c.Transfer(&amqpwire.Transfer{}, make([]byte, 4000))
		rawclient.Want[*amqpwire.Disposition](c)
		w.conns[0].Trust()
		c.Transfer(&amqpwire.Transfer{DeliveryID: new(uint32(1))}, make([]byte, 60_000))
		rawclient.Want[*amqpwire.Disposition](c)
	})
}

// TestAnswersDoNotPileUp checks that an untrusted client that does not read is not
// heard any further, while a trusted one has room.
func TestAnswersDoNotPileUp(t *testing.T) {
	t.Parallel()
	for _, untrusted := range []int{0, 16 << 10} {
		t.Run(fmt.Sprint(untrusted), func(t *testing.T) {
			inWorld(t, Options{Untrusted: untrusted}, func(t *testing.T, w *world) {
				near, far := net.Pipe()
				w.serve(far)
				c := rawclient.NewWithRoom(t, near, 3)
				c.Open(&amqpwire.Open{ContainerID: "raw"})
				c.Begin(0, 5000)
				var done atomic.Int32
				w.served.Go(func() {
					for i := range uint32(40) {
						c.Send(0, rawclient.ReceiverAttach(i%2, "/"))
						c.Send(0, &amqpwire.Detach{Handle: i % 2, Closed: true})
						done.Add(1)
					}
				})
				synctest.Wait()
				if heard := done.Load() > 20; heard != (untrusted == 0) {
					t.Errorf("%d attaches were heard", done.Load())
				}
				time.Sleep(writeTimeout + lastWords)
			})
		})
	}
}

// TestSharedMemory checks that what all connections may hold is shared, whatever
// holds it, and that a message that finds no room is not lost.
func TestSharedMemory(t *testing.T) {
	memory := &ledger{left: 20 << 10}
	inWorld(t, Options{Memory: memory}, func(t *testing.T, w *world) {
		hog := w.begun()
		hog.Sender(0, "other")
		hog.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32), More: true}, make([]byte, 14<<10)...)
		c := w.begun()
		c.Receiver(0, "q")
		w.queue("q").put(strings.Repeat("m", 4<<10))
		c.Credit(0, 0, 1)
		rawclient.WantCondition(t, "detach", rawclient.Want[*amqpwire.Detach](c).Error, CondLimitExceeded)
		if got := w.queue("q").waiting(); len(got) != 4<<10 {
			t.Errorf("%d bytes are waiting, want the message", len(got))
		}
		c.Send(0, &amqpwire.Detach{Handle: 0, Closed: true})
		hog.Send(0, &amqpwire.Transfer{More: true, Aborted: true})
		hog.WantNothing()
		c.Receiver(0, "q")
		c.Credit(0, 0, 1)
		if _, payload := c.WantTransfer(); len(payload) != 4<<10 {
			t.Errorf("%d bytes, want the message", len(payload))
		}
		_ = c.Net.Close()
		_ = hog.Net.Close()
		w.ended()
		if memory.left != 20<<10 {
			t.Errorf("%d bytes are left, want all", memory.left)
		}
	})
}

// TestLongTermini checks that the answer to an attach does not repeat everything.
func TestLongTermini(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		a := rawclient.ReceiverAttach(0, "q")
		a.Target.Address = strings.Repeat("t", maxAddress+1) // the client's own end
		c.WantRefused(a, CondInvalidField)
		a.Target.Address = "t"
		a.Properties = amqpwire.Map{{Key: amqpwire.Symbol("p"), Value: strings.Repeat("p", maxProperties)}}
		c.Send(0, a)
		if r := rawclient.Want[*amqpwire.Attach](c); r.Source == nil || r.Properties != nil {
			t.Errorf("answer %+v, want a link, and no properties", r)
		}
	})
}
