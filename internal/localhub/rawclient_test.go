package localhub

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/defaults"
)

// raw is a client that says exactly what it is told to, and shows what comes
// back, frame by frame. It lives in a synctest bubble.
type raw struct {
	t    testing.TB
	net  net.Conn
	in   chan received
	over chan struct{} // closed when the hub has hung up
}

// received is a frame or a protocol header.
type received struct {
	frame  amqpwire.Frame
	header amqpwire.ProtocolHeader
}

// connect returns a client that has said nothing yet.
func (w *world) connect() *raw {
	near, far := net.Pipe()
	w.served.Go(func() { w.hub.ServeConn(far) })
	// Room for more than any test leaves unread, so that the hub never waits.
	c := &raw{t: w.t, net: near, in: make(chan received, 1<<12), over: make(chan struct{})}
	w.served.Go(c.read)
	w.t.Cleanup(func() { _ = near.Close() })
	return c
}

func (c *raw) read() {
	defer close(c.over)
	br := bufio.NewReader(c.net)
	for {
		var r received
		start, err := br.Peek(4)
		switch {
		case err != nil:
		case string(start) == "AMQP":
			_, err = io.ReadFull(br, r.header[:])
		default:
			r.frame, err = amqpwire.ReadFrame(br, 1<<20)
		}
		if err != nil {
			if errors.Is(err, amqpwire.ErrDecode) || errors.Is(err, amqpwire.ErrFraming) {
				c.t.Errorf("the hub sent: %v", err)
			}
			return
		}
		c.in <- r
	}
}

// write sends bytes as they are. The hub may hang up meanwhile.
func (c *raw) write(b []byte) { _, _ = c.net.Write(b) }

func (c *raw) sendHeader(h amqpwire.ProtocolHeader) { c.write(h[:]) }

// send sends a frame.
func (c *raw) send(channel uint16, body amqpwire.Performative, payload ...byte) {
	c.t.Helper()
	_, sasl := body.(*amqpwire.SASLInit)
	b, err := amqpwire.AppendFrame(nil, amqpwire.Frame{Channel: channel, SASL: sasl, Body: body, Payload: payload})
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(b)
}

// next returns what the hub sends next, apart from heartbeats.
func (c *raw) next() received {
	c.t.Helper()
	for {
		select {
		case r := <-c.in:
			if r.header == (amqpwire.ProtocolHeader{}) && r.frame.Body == nil {
				continue
			}
			return r
		case <-c.over:
			select {
			case r := <-c.in: // it came before the end
				return r
			default:
			}
			c.t.Fatal("the hub has hung up")
		}
	}
}

// want returns the next frame, which must hold a T.
func want[T amqpwire.Performative](c *raw) T {
	c.t.Helper()
	f := c.next()
	body, ok := f.frame.Body.(T)
	if !ok {
		c.t.Fatalf("the hub sent %s, want %T", show(f), body)
	}
	return body
}

// wantAfterFlows is want, after any number of flows.
func wantAfterFlows[T amqpwire.Performative](c *raw) T {
	c.t.Helper()
	for {
		f := c.next()
		switch body := f.frame.Body.(type) {
		case T:
			return body
		case *amqpwire.Flow:
		default:
			c.t.Fatalf("the hub sent %s", show(f))
		}
	}
}

// wantTransfer returns the next frame, which must be a transfer, and its payload.
func (c *raw) wantTransfer() (*amqpwire.Transfer, []byte) {
	c.t.Helper()
	f := c.next()
	t, ok := f.frame.Body.(*amqpwire.Transfer)
	if !ok {
		c.t.Fatalf("the hub sent %s, want a transfer", show(f))
	}
	return t, f.frame.Payload
}

func show(r received) string {
	if r.frame.Body == nil {
		return fmt.Sprintf("header %q", r.header[:])
	}
	return fmt.Sprintf("%T%+v", r.frame.Body, r.frame.Body)
}

// wantNothing checks that the hub has sent nothing and is not going to.
func (c *raw) wantNothing() {
	c.t.Helper()
	synctest.Wait()
	select {
	case r := <-c.in:
		c.t.Fatalf("the hub sent %s, want nothing", show(r))
	case <-c.over:
		c.t.Fatal("the hub hung up, want nothing")
	default:
	}
}

// wantQuiet hands over all that the hub has to send before it falls silent.
func (c *raw) wantQuiet(each func(received)) {
	c.t.Helper()
	for {
		synctest.Wait()
		if len(c.in) == 0 {
			return
		}
		each(c.next())
	}
}

// wantEnd checks that the hub has hung up, or does so by itself, and sends
// nothing more.
func (c *raw) wantEnd() {
	c.t.Helper()
	<-c.over
	select {
	case r := <-c.in:
		c.t.Fatalf("the hub sent %s, want the end", show(r))
	default:
	}
}

// wantClose checks that the hub closes the connection for the given reason.
func (c *raw) wantClose(condition amqpwire.Symbol) *amqpwire.Error {
	c.t.Helper()
	body := want[*amqpwire.Close](c)
	c.send(0, &amqpwire.Close{})
	_ = c.net.Close()
	return wantCondition(c.t, "close", body.Error, condition)
}

// wantAlive checks that the connection still works.
func (c *raw) wantAlive() {
	c.t.Helper()
	const channel = 777
	c.send(channel, &amqpwire.Begin{IncomingWindow: 1, OutgoingWindow: 1})
	want[*amqpwire.Begin](c)
	c.send(channel, &amqpwire.End{})
	want[*amqpwire.End](c)
}

func wantCondition(t testing.TB, what string, got *amqpwire.Error, want amqpwire.Symbol) *amqpwire.Error {
	t.Helper()
	switch {
	case got == nil && want == "":
	case got == nil:
		t.Fatalf("%s without an error, want %s", what, want)
	case got.Condition != want:
		t.Fatalf("%s with %v, want %s", what, got, want)
	}
	return got
}

// world is a hub in a synctest bubble.
type world struct {
	t      *testing.T
	hub    *Hub
	served sync.WaitGroup
}

const testHost = "myhub.azure-devices.net"

// inWorld runs a test against a hub with the devices dev1 and dev2. When it
// ends, every goroutine must end too.
func inWorld(t *testing.T, options Options, f func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, options)) })
}

func newWorld(t *testing.T, options Options) *world {
	t.Helper()
	if options.HostName == "" {
		options.HostName = testHost
	}
	if options.Devices == nil {
		options.Devices = []Device{{ID: "dev1", Key: defaults.Key()}, {ID: "dev2", Key: defaults.Key()}}
	}
	hub, err := New(&options)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, hub: hub}
	t.Cleanup(func() {
		hub.Close()
		w.served.Wait()
	})
	return w
}
