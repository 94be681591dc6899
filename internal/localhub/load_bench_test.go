package localhub

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
)

// The benchmarks measure a hub that keeps its data and one that does not, in
// turns, over loopback. They report messages per second of the first, and the
// ratio: seconds differ from machine to machine and from disk to disk.

// turn is how many messages go through one hub before it is the other's turn.
const turn = 1000

// BenchmarkSend has messages of 100 bytes acknowledged.
func BenchmarkSend(b *testing.B) {
	for _, inFlight := range []int{1, 64} {
		b.Run(fmt.Sprint(inFlight), func(b *testing.B) {
			inTurns(b, func(h *Hub, address string) func() time.Duration {
				c := dialLoad(b, address, token("service", testHost, time.Hour))
				c.attach(senderAttach(0, serviceAddress))
				return func() time.Duration {
					began := time.Now()
					c.sendAll(turn, inFlight)
					took := time.Since(began)
					h.Purge("dev1")
					return took
				}
			})
		})
	}
}

// BenchmarkReceive has messages of 100 bytes delivered, and their settlement
// confirmed.
func BenchmarkReceive(b *testing.B) {
	for _, ack := range []broker.Ack{broker.AckNone, broker.AckFull} {
		for _, inFlight := range []int{1, 64} {
			b.Run(fmt.Sprintf("%d/feedback-%s", inFlight, ack), func(b *testing.B) {
				inTurns(b, func(h *Hub, address string) func() time.Duration {
					c := dialLoad(b, address, token("", testHost+"/devices/dev1", time.Hour))
					c.attach(receiverAttach(0, deviceAddress))
					return func() time.Duration {
						fill(b, h, ack)
						began := time.Now()
						c.settleAll(turn, inFlight)
						return time.Since(began)
					}
				})
			})
		}
	}
}

// inTurns runs what prepare makes for a hub that keeps its data, and for one that
// does not.
func inTurns(b *testing.B, prepare func(h *Hub, address string) func() time.Duration) {
	b.Helper()
	var hubs [2]func() time.Duration
	for i, data := range []string{b.TempDir(), ""} {
		hubs[i] = prepare(serveLoad(b, data))
	}
	var took [2]time.Duration
	n := 0
	for b.Loop() {
		for i, f := range hubs {
			took[i] += f()
		}
		n += turn
	}
	b.ReportMetric(float64(n)/took[0].Seconds(), "kept-msg/s")
	b.ReportMetric(float64(n)/took[1].Seconds(), "not-kept-msg/s")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "kept/not-kept")
}

// serveLoad serves a hub over loopback until the benchmark ends.
func serveLoad(b *testing.B, data string) (h *Hub, address string) {
	b.Helper()
	h, err := New(&Options{
		HostName: testHost, Data: data, MaxQueue: 1 << 30, Devices: []Device{{ID: "dev1", Key: defaults.Key()}},
	})
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(l) }()
	b.Cleanup(func() {
		h.Close()
		if err := <-served; err != nil {
			b.Error(err)
		}
	})
	return h, l.Addr().String()
}

// fill puts the messages of one turn on the queue, past the network.
func fill(b *testing.B, h *Hub, ack broker.Ack) {
	b.Helper()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range turn / 50 {
				m := &broker.Message{ID: "m", Ack: ack, Body: make([]byte, 100)}
				if refused := h.broker.Send(broker.ID{Device: "dev1"}, m); refused != nil {
					b.Error(refused)
				}
			}
		})
	}
	all.Wait()
}

// load is a client that costs little: it makes its frames from a pattern, and
// looks at no more of the hub's than it must.
type load struct {
	b   *testing.B
	net net.Conn
	br  *bufio.Reader
	out []byte // not written yet

	transfer []byte // the pattern
	idAt     int    // where its delivery id is
	next     uint32 // delivery id of the next message
}

// The codes of performatives.
const (
	codeAttach      = 0x12
	codeFlow        = 0x13
	codeTransfer    = 0x14
	codeDisposition = 0x15
)

// dialLoad returns a client with an open session and a token.
func dialLoad(b *testing.B, address, token string) *load {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	c := &load{b: b, net: conn, br: bufio.NewReaderSize(conn, 64<<10)}
	c.out = append(c.out, amqpwire.HeaderAMQP[:]...)
	c.add(&amqpwire.Open{ContainerID: "load", Hostname: testHost})
	c.add(&amqpwire.Begin{IncomingWindow: 1 << 31, OutgoingWindow: 5000})
	c.add(senderAttach(cbsSender, "$cbs"))
	c.add(receiverAttach(cbsReceiver, "$cbs"))
	c.add(&amqpwire.Flow{IncomingWindow: 1 << 31, Handle: new(uint32(cbsReceiver)), LinkCredit: new(uint32(1))})
	c.add(&amqpwire.Transfer{Handle: cbsSender, DeliveryID: new(uint32), Settled: true}, encode(b, putTokenRequest(token, "id"))...)
	c.flush()
	if _, err := c.br.Discard(len(amqpwire.HeaderAMQP)); err != nil {
		b.Fatal(err)
	}
	for code, _ := c.read(); code != codeTransfer; code, _ = c.read() {
	}
	m := &amqpwire.Message{
		Properties: &amqpwire.Properties{MessageID: "m", To: deviceAddress},
		Data:       [][]byte{make([]byte, 100)},
	}
	c.next = 1
	c.transfer = appendFrame(b, nil, &amqpwire.Transfer{
		DeliveryID: new(uint32(idPattern)), DeliveryTag: []byte("tag"),
	}, encode(b, m)...)
	c.idAt = bytes.Index(c.transfer, binary.BigEndian.AppendUint32(nil, idPattern))
	return c
}

func (c *load) attach(a *amqpwire.Attach) {
	second := amqpwire.ReceiverSecond
	a.RcvSettleMode = &second
	c.add(a)
	c.flush()
	for code, _ := c.read(); code != codeAttach; code, _ = c.read() {
	}
}

func (c *load) add(body amqpwire.Performative, payload ...byte) {
	c.out = appendFrame(c.b, c.out, body, payload...)
}

func appendFrame(b *testing.B, to []byte, body amqpwire.Performative, payload ...byte) []byte {
	to, err := amqpwire.AppendFrame(to, amqpwire.Frame{Body: body, Payload: payload})
	if err != nil {
		b.Fatal(err)
	}
	return to
}

func (c *load) flush() {
	if len(c.out) == 0 {
		return
	}
	if _, err := c.net.Write(c.out); err != nil {
		c.b.Fatal(err)
	}
	c.out = c.out[:0]
}

// read returns the code of the next frame's performative, and the frame.
func (c *load) read() (code byte, frame []byte) {
	start, err := c.br.Peek(8)
	if err != nil {
		c.b.Fatal(err)
	}
	size := int(binary.BigEndian.Uint32(start))
	if frame, err = c.br.Peek(size); err != nil {
		c.b.Fatal(err)
	}
	if _, err := c.br.Discard(size); err != nil {
		c.b.Fatal(err)
	}
	if size < 11 {
		return 0, frame
	}
	return frame[10], frame
}

// idPattern stands for the delivery id in the pattern of a transfer.
const idPattern = 0x7a7b7c7d

// sendAll sends n messages, of which so many wait for their outcome at once.
func (c *load) sendAll(n, inFlight int) {
	for sent, answered := 0, 0; answered < n; {
		for ; sent < n && sent-answered < inFlight; sent++ {
			binary.BigEndian.PutUint32(c.transfer[c.idAt:], c.next)
			c.next++
			c.out = append(c.out, c.transfer...)
		}
		c.flush()
		for again := true; again; again = c.br.Buffered() > 0 {
			if code, frame := c.read(); code == codeDisposition {
				answered++
				wantAccepted(c.b, frame)
			}
		}
	}
}

// wantAccepted looks for the code of accepted at the end of a disposition.
func wantAccepted(b *testing.B, frame []byte) {
	if string(frame[len(frame)-4:]) != "\x00\x53\x24\x45" {
		b.Fatalf("the hub answered %x", frame)
	}
}

// settleAll receives n messages and accepts them, of which so many wait for the
// hub's confirmation at once.
func (c *load) settleAll(n, inFlight int) {
	c.grant(inFlight)
	granted := inFlight
	for received, answered := 0, 0; answered < n; {
		for again := true; again; again = c.br.Buffered() > 0 {
			switch code, frame := c.read(); code {
			case codeTransfer:
				received++
				c.add(&amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: c.next, State: &amqpwire.Accepted{}})
				c.next++
			case codeDisposition:
				answered++
				wantAccepted(c.b, frame)
			}
		}
		if more := answered + inFlight - granted; more > 0 && granted < n && more >= (inFlight+1)/2 {
			granted += more
			c.grant(granted - received)
		}
		c.flush()
	}
	c.grant(0)
	c.flush()
}

// grant lets the hub send so many more messages.
func (c *load) grant(credit int) {
	c.add(&amqpwire.Flow{
		NextIncomingID: new(c.next + 1), IncomingWindow: 1 << 31, OutgoingWindow: 5000,
		Handle: new(uint32), DeliveryCount: new(c.next - 1), LinkCredit: new(uint32(credit)),
	})
	c.flush()
}
