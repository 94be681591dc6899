package localhub

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// The fuzz targets play a client that sends anything at all, at some stage of
// a connection. The hub must not panic, must let go of the connection, and must
// go on serving another.

// attack sends hostile bytes over c in a bubble, where a goroutine that does
// not end fails the test.
func attack(t *testing.T, hostile []byte, prepare func(w *world) net.Conn) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		other := w.service()
		other.Sender(0, serviceAddress)
		c := prepare(w)
		_, _ = c.Write(hostile)
		synctest.Wait()
		m := c2d("m")
		m.Properties.To = "/devices/dev2/messages/devicebound"
		if refused := other.sendC2D(m); refused != nil {
			t.Errorf("the other client: %v", refused)
		}
		_ = c.Close()
		time.Sleep(closeGrace)
		synctest.Wait()
		w.hub.mu.Lock()
		defer w.hub.mu.Unlock()
		if w.hub.open != 1 {
			t.Errorf("%d connections open, want the other one only", w.hub.open)
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

// FuzzHubHandshake attacks from the first byte.
func FuzzHubHandshake(f *testing.F) {
	amqp, sasl := amqpwire.HeaderAMQP[:], amqpwire.HeaderSASL[:]
	open := amqpwire.Frame{Body: &amqpwire.Open{ContainerID: "raw", Hostname: testHost, IdleTimeOut: new(uint32(1000))}}
	f.Add([]byte{})
	f.Add(appendFrames(f, amqp[:8:8], open, amqpwire.Frame{Body: &amqpwire.Begin{}}))
	for _, init := range []amqpwire.SASLInit{
		{Mechanism: "ANONYMOUS"},
		{Mechanism: "MSSBCBS"},
		{Mechanism: "PLAIN", InitialResponse: []byte("\x00service@sas.root.myhub\x00SharedAccessSignature sr=a&sig=YQ&se=1&skn=service")},
	} {
		b := appendFrames(f, sasl[:8:8], amqpwire.Frame{SASL: true, Body: &init})
		f.Add(appendFrames(f, append(b, amqp...), open))
	}
	f.Add([]byte("GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n"))
	f.Add([]byte("DELETE /devices/dev1/commands?api-version=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: " +
		token("service", testHost, time.Hour) + "\r\n\r\n"))
	f.Add([]byte("\x16\x03\x01\x00\x05hello"))
	f.Fuzz(func(t *testing.T, hostile []byte) {
		attack(t, hostile, func(w *world) net.Conn {
			near, far := net.Pipe()
			w.served.Go(func() { w.hub.ServeConn(far) })
			w.served.Go(func() { _, _ = io.Copy(io.Discard, near) })
			return near
		})
	})
}

// FuzzHubOpened attacks an open connection.
func FuzzHubOpened(f *testing.F) {
	frames := []amqpwire.Frame{
		{Body: &amqpwire.Begin{IncomingWindow: 10, OutgoingWindow: 10}},
		{Body: rawclient.SenderAttach(0, "$cbs")},
		{Body: rawclient.ReceiverAttach(1, "$cbs")},
		{Body: &amqpwire.Flow{Handle: new(uint32(1)), LinkCredit: new(uint32(10)), IncomingWindow: 9, Echo: true}},
		{Body: &amqpwire.Transfer{DeliveryID: new(uint32)}, Payload: rawclient.Encode(f, putTokenRequest("blah", uint64(1)))},
		{Body: rawclient.SenderAttach(2, serviceAddress)},
		{},
		{Body: &amqpwire.Detach{Handle: 2, Closed: true}},
		{Body: &amqpwire.End{}},
		{Body: &amqpwire.Close{}},
	}
	for i := range frames {
		f.Add(appendFrames(f, nil, frames[:i+1]...))
	}
	f.Fuzz(func(t *testing.T, hostile []byte) {
		attack(t, hostile, func(w *world) net.Conn { return w.opened().Net })
	})
}

// FuzzHubAttached attacks with every kind of link attached, and messages in
// the client's hands.
func FuzzHubAttached(f *testing.F) {
	id := new(uint32)
	seeds := [][]amqpwire.Frame{
		{{Body: &amqpwire.Disposition{Role: true, First: 0, Last: new(uint32(9)), State: &amqpwire.Accepted{}}}},
		{{Body: &amqpwire.Disposition{Role: true, First: 2, Settled: true, State: &amqpwire.Modified{DeliveryFailed: true}}}},
		{{Body: &amqpwire.Transfer{DeliveryID: id}, Payload: rawclient.Encode(f, c2d("m"))}},
		{
			{Body: &amqpwire.Transfer{DeliveryID: id, More: true}, Payload: []byte{0, 0x53, 0x75}},
			{Body: &amqpwire.Transfer{Aborted: true}},
		},
		{{Body: &amqpwire.Transfer{Handle: 4, DeliveryID: id, MessageFormat: new(uint32(batchFormat))}, Payload: rawclient.Encode(f, c2d("m"))}},
		{{Body: &amqpwire.Flow{Handle: new(uint32(1)), LinkCredit: new(uint32(10)), IncomingWindow: 9, Drain: true}}},
		{{Body: &amqpwire.Flow{NextIncomingID: new(uint32(1 << 31)), IncomingWindow: 1 << 31, Echo: true}}},
		{{Body: &amqpwire.Detach{Handle: 1}}, {Body: rawclient.ReceiverAttach(1, deviceAddress)}},
		{{Body: rawclient.ReceiverAttach(9, deviceAddress)}},
		{{Body: &amqpwire.End{}}, {Body: &amqpwire.Begin{}}},
	}
	for _, frames := range seeds {
		f.Add(appendFrames(f, nil, frames...))
	}
	f.Fuzz(func(t *testing.T, hostile []byte) {
		attack(t, hostile, func(w *world) net.Conn {
			w.enqueue("m1", "m2", "m3")
			w.report("m0")
			c := w.begun()
			c.putToken(token("iothubowner", testHost, time.Hour))
			c.Sender(0, serviceAddress)
			c.deviceLink(2)
			c.Sender(2, "$cbs")
			c.Receiver(3, "$cbs")
			c.Sender(4, eventsAddress)
			c.Receiver(5, feedbackAddress)
			c.Credit(5, 0, 9)
			return c.Net
		})
	})
}

// deviceLink attaches dev1's receiver at handle 1, with credit.
func (c *raw) deviceLink(credit uint32) {
	a := rawclient.ReceiverAttach(1, deviceAddress)
	a.RcvSettleMode = new(amqpwire.ReceiverSecond)
	c.Send(0, a)
	want[*amqpwire.Attach](c)
	c.Credit(1, 0, credit)
	c.wantMessages(1, "m1", "m2")
}
