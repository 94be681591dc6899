package amqpserver

import (
	"bufio"
	"encoding/binary"
	"net"
	"runtime"
	"testing"

	"iothub-c2d/internal/amqpwire"
)

// The benchmarks measure the server alone, over loopback: the client writes
// frames that were made before and looks at no more than the sizes of what comes
// back, without allocating anything.

const (
	benchBatch = 50 // messages for which the client waits at once
	benchSize  = 1024
)

// bench stands behind every link: it accepts all messages and has no end of them.
type bench struct{ message Outgoing }

func newBench() *bench {
	return &bench{Outgoing{Tag: make([]byte, 16), Payload: make([]byte, benchSize)}}
}

func (*bench) Login(amqpwire.Symbol, []byte) *amqpwire.Error              { return nil }
func (h *bench) Sink(*Link, *amqpwire.Attach) (Sink, *amqpwire.Error)     { return h, nil }
func (h *bench) Source(*Link, *amqpwire.Attach) (Source, *amqpwire.Error) { return h, nil }
func (*bench) MaxMessageSize() int                                        { return 1 << 20 }
func (*bench) Accept(Incoming) amqpwire.DeliveryState                     { return &amqpwire.Accepted{} }
func (h *bench) Next() (Outgoing, bool)                                   { return h.message, true }
func (*bench) Empty() bool                                                { return false }
func (*bench) Release([][]byte)                                           {}
func (*bench) Close()                                                     {}

func (*bench) Settle(Settlement) amqpwire.DeliveryState {
	return &amqpwire.Accepted{}
}

// benchClient counts what the server sends.
type benchClient struct {
	b   *testing.B
	net net.Conn
	br  *bufio.Reader
}

// dialBench returns a client with an open session.
func dialBench(b *testing.B) *benchClient {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- Serve(b.Context(), far, func(*Conn) Handler { return newBench() }, nil) }()
	b.Cleanup(func() {
		near.Close()
		<-served
	})
	c := &benchClient{b, near, bufio.NewReaderSize(near, 64<<10)}
	c.write(append(amqpwire.HeaderAMQP[:], appendFrames(b, nil,
		amqpwire.Frame{Body: &amqpwire.Open{ContainerID: "bench"}},
		amqpwire.Frame{Body: &amqpwire.Begin{IncomingWindow: 1 << 31, OutgoingWindow: 5000}},
	)...))
	c.br.Discard(len(amqpwire.HeaderAMQP))
	c.skip(0x11, 1)
	return c
}

func (c *benchClient) write(b []byte) {
	if _, err := c.net.Write(b); err != nil {
		c.b.Fatal(err)
	}
}

// skip reads until n frames with bodies of a kind have come.
func (c *benchClient) skip(kind byte, n int) {
	for n > 0 {
		start, err := c.br.Peek(11) // a frame header and a descriptor
		if err != nil {
			c.b.Fatal(err)
		}
		if start[10] == kind {
			n--
		}
		if _, err := c.br.Discard(int(binary.BigEndian.Uint32(start))); err != nil {
			c.b.Fatal(err)
		}
	}
}

// BenchmarkSend sends messages of 1 KB to the server.
func BenchmarkSend(b *testing.B) {
	c := dialBench(b)
	c.write(appendFrames(b, nil, amqpwire.Frame{Body: &amqpwire.Attach{
		Name: "out", Role: amqpwire.RoleSender, Target: &amqpwire.Target{Address: "q"},
	}}))
	c.skip(0x13, 1)
	transfer := amqpwire.Frame{
		Body:    &amqpwire.Transfer{DeliveryID: new(uint32), DeliveryTag: make([]byte, 16)},
		Payload: make([]byte, benchSize),
	}
	var batch []byte
	for range benchBatch {
		batch = appendFrames(b, batch, transfer)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%benchBatch == 0 {
			c.write(batch)
			c.skip(0x15, benchBatch)
		}
	}
}

// BenchmarkReceive receives messages of 1 KB from the server, and settles them.
func BenchmarkReceive(b *testing.B) {
	c := dialBench(b)
	c.write(appendFrames(b, nil, amqpwire.Frame{Body: &amqpwire.Attach{
		Name: "in", Role: amqpwire.RoleReceiver, Source: &amqpwire.Source{Address: "q"},
	}}))
	c.skip(0x12, 1)
	b.ReportAllocs()
	var frames []byte
	count := uint32(0)
	for n := 0; b.Loop(); n++ {
		if n%benchBatch > 0 {
			continue
		}
		frames = appendFrames(b, frames[:0],
			amqpwire.Frame{Body: &amqpwire.Disposition{
				Role: amqpwire.RoleReceiver, First: count - benchBatch, Last: new(count - 1), Settled: true, State: &amqpwire.Accepted{},
			}},
			amqpwire.Frame{Body: &amqpwire.Flow{
				NextIncomingID: new(1 + count), IncomingWindow: 1 << 31,
				Handle: new(uint32), DeliveryCount: &count, LinkCredit: new(uint32(benchBatch)),
			}},
		)
		c.write(frames)
		c.skip(0x14, benchBatch)
		count += benchBatch
	}
}

// BenchmarkIdle measures the memory of connections that do nothing, or nothing
// more, without the client's part.
func BenchmarkIdle(b *testing.B) {
	b.Run("new", func(b *testing.B) { benchIdle(b, func(*benchClient) {}) })
	b.Run("after a burst", func(b *testing.B) {
		benchIdle(b, func(c *benchClient) {
			c.write(appendFrames(b, nil,
				amqpwire.Frame{Body: &amqpwire.Attach{Name: "in", Role: amqpwire.RoleReceiver, Source: &amqpwire.Source{Address: "q"}}},
				amqpwire.Frame{Body: &amqpwire.Flow{IncomingWindow: 1 << 31, Handle: new(uint32), LinkCredit: new(uint32(benchBatch))}},
			))
			c.skip(0x14, benchBatch)
			c.write(appendFrames(b, nil, amqpwire.Frame{Body: &amqpwire.Disposition{
				Role: amqpwire.RoleReceiver, Last: new(uint32(benchBatch - 1)), Settled: true, State: &amqpwire.Accepted{},
			}}))
		})
	})
}

func benchIdle(b *testing.B, burst func(*benchClient)) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for b.Loop() {
		c := dialBench(b)
		burst(c)
		c.br = nil
		n++
	}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/float64(n), "B/conn")
}
