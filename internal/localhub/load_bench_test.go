package localhub

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
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
				c.attach(rawclient.SenderAttach(0, serviceAddress))
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
					c.attach(rawclient.ReceiverAttach(0, deviceAddress))
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

// serveLoad serves a hub over loopback until the benchmark ends, with dev1 and
// other devices.
func serveLoad(b testing.TB, data string, devices ...Device) (h *Hub, address string) {
	b.Helper()
	devices = append([]Device{{ID: "dev1", Key: defaults.Key()}}, devices...)
	h, err := New(&Options{HostName: testHost, Data: data, MaxQueue: 1 << 30, Devices: devices})
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
