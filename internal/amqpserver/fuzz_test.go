package amqpserver

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// The fuzz targets play a client that sends anything at all, at some stage of a
// connection. The server must not panic, must let go of the connection, and must
// go on serving another.

// attack sends hostile bytes over c in a bubble, where a goroutine that does not
// end fails the test.
func attack(t *testing.T, hostile []byte, prepare func(w *world) net.Conn) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Mechanisms: []amqpwire.Symbol{"PLAIN", "ANONYMOUS"}})
		other := w.begun()
		other.Sender(0, "other")
		c := prepare(w)
		_, _ = c.Write(hostile)
		synctest.Wait()
		other.Transfer(&amqpwire.Transfer{}, []byte("m"))
		if d := rawclient.WantAfterFlows[*amqpwire.Disposition](other); d.State == nil {
			t.Errorf("the other client got %+v", d)
		}
		_ = c.Close()
		time.Sleep(closeGrace)
		if n := w.ended(); n != 1 {
			t.Errorf("%d connections have ended, want the hostile one only", n)
		}
	})
}

func appendFrames(t testing.TB, b []byte, frames ...amqpwire.Frame) []byte {
	t.Helper()
	for _, f := range frames {
		var err error
		if b, err = amqpwire.AppendFrame(b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// FuzzHandshake attacks from the first byte.
func FuzzHandshake(f *testing.F) {
	header, sasl := amqpwire.HeaderAMQP[:], amqpwire.HeaderSASL[:]
	open := amqpwire.Frame{Body: &amqpwire.Open{ContainerID: "raw", IdleTimeOut: new(uint32(1000))}}
	f.Add([]byte{})
	f.Add([]byte("AMQP\x00\x00\x09\x01"))
	f.Add(appendFrames(f, header[:8:8], open, amqpwire.Frame{Body: &amqpwire.Begin{}}))
	for _, init := range []amqpwire.SASLInit{
		{Mechanism: "ANONYMOUS"},
		{Mechanism: "PLAIN", InitialResponse: []byte("\x00user\x00secret")},
		{Mechanism: "EXTERNAL"},
	} {
		b := appendFrames(f, sasl[:8:8], amqpwire.Frame{SASL: true, Body: &init})
		f.Add(appendFrames(f, append(b, header...), open))
	}
	f.Fuzz(func(t *testing.T, hostile []byte) {
		attack(t, hostile, func(w *world) net.Conn {
			near, far := net.Pipe()
			w.serve(far)
			w.served.Go(func() { _, _ = io.Copy(io.Discard, near) })
			return near
		})
	})
}

// FuzzOpened attacks an open connection that takes small frames.
func FuzzOpened(f *testing.F) {
	frames := []amqpwire.Frame{
		{Body: &amqpwire.Begin{IncomingWindow: 10, OutgoingWindow: 10}},
		{Body: rawclient.SenderAttach(0, "q")},
		{Body: rawclient.ReceiverAttach(1, "q")},
		{Body: &amqpwire.Flow{Handle: new(uint32(1)), LinkCredit: new(uint32(10)), IncomingWindow: 9, Echo: true}},
		{Body: &amqpwire.Transfer{DeliveryID: new(uint32)}, Payload: make([]byte, 900)},
		{Body: rawclient.SenderAttach(2, "/no")},
		{},
		{Body: &amqpwire.Detach{Handle: 2, Closed: true}},
		{Body: &amqpwire.End{}},
		{Body: &amqpwire.Close{}},
	}
	for i := range frames {
		f.Add(appendFrames(f, nil, frames[:i+1]...))
	}
	f.Fuzz(func(t *testing.T, hostile []byte) {
		attack(t, hostile, func(w *world) net.Conn { return w.opened(512).Net })
	})
}

// FuzzAttached attacks with both kinds of link attached, in each mode of
// settlement, and messages in the client's hands.
func FuzzAttached(f *testing.F) {
	id := new(uint32)
	for _, frames := range [][]amqpwire.Frame{
		{{Body: &amqpwire.Disposition{Role: true, First: 0, Last: new(uint32(9)), State: &amqpwire.Accepted{}}}},
		{{Body: &amqpwire.Disposition{Role: true, First: 1, Settled: true, State: &amqpwire.Modified{DeliveryFailed: true}}}},
		{{Body: &amqpwire.Transfer{DeliveryID: id}, Payload: []byte("m")}},
		{
			{Body: &amqpwire.Transfer{DeliveryID: id, More: true}, Payload: []byte("m")},
			{Body: &amqpwire.Transfer{Aborted: true}},
		},
		{{Body: &amqpwire.Flow{Handle: new(uint32(1)), LinkCredit: new(uint32(10)), IncomingWindow: 9, Drain: true}}},
		{{Body: &amqpwire.Flow{NextIncomingID: new(uint32(1 << 31)), IncomingWindow: 1 << 31, Echo: true}}},
		{{Body: &amqpwire.Detach{Handle: 1}}, {Body: rawclient.ReceiverAttach(1, "q")}},
		{{Body: rawclient.ReceiverAttach(9, "q")}},
		{{Body: &amqpwire.End{}}, {Body: &amqpwire.Begin{}}},
	} {
		f.Add(appendFrames(f, nil, frames...))
	}
	f.Fuzz(func(t *testing.T, hostile []byte) {
		attack(t, hostile, func(w *world) net.Conn {
			w.queue("q").put(bulky(900), "m2", "m3")
			c := w.opened(512)
			c.Begin(0, 5)
			c.Sender(0, "q")
			for handle := range uint32(2) {
				a := rawclient.ReceiverAttach(1+handle, "q")
				a.RcvSettleMode, a.SndSettleMode = new(amqpwire.ReceiverSecond), new(uint8(handle))
				c.Send(0, a)
				rawclient.Want[*amqpwire.Attach](c)
			}
			c.Credit(1, 0, 2)
			c.Credit(2, 0, 1)
			c.WantQuiet(func(rawclient.Received) {})
			return c.Net
		})
	})
}
