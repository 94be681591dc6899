package localhub

import (
	"context"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/localhub/broker"
)

// BenchmarkEvents has messages delivered and settled on three hubs in turns: one
// that nobody watches, one with a subscriber that has stalled, and one with a
// subscriber that reads all. It reports messages per second of the first, and the
// ratios of the others to it.
func BenchmarkEvents(b *testing.B) {
	var hubs [3]func() time.Duration
	for i, subscribe := range []func(*testing.B, *Hub){
		func(*testing.B, *Hub) {},
		func(b *testing.B, h *Hub) { b.Cleanup(h.Subscribe().Close) },
		follow,
	} {
		h, address := serveLoad(b, "")
		subscribe(b, h)
		c := dialLoad(b, address, token("", testHost+"/devices/dev1", time.Hour))
		c.attach(rawclient.ReceiverAttach(0, deviceAddress))
		hubs[i] = func() time.Duration {
			began := time.Now()
			fill(b, h, broker.AckNone)
			c.settleAll(turn, 64)
			return time.Since(began)
		}
	}
	var took [3]time.Duration
	n := 0
	for b.Loop() {
		for i, f := range hubs {
			took[i] += f()
		}
		n += turn
	}
	b.ReportMetric(float64(n)/took[0].Seconds(), "msg/s")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "stalled/none")
	b.ReportMetric(took[0].Seconds()/took[2].Seconds(), "followed/none")
}

// follow reads all events until the benchmark ends.
func follow(b *testing.B, h *Hub) {
	s := h.Subscribe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ok := true; ok; {
			_, _, ok = s.Next(context.Background())
		}
	}()
	b.Cleanup(func() {
		s.Close()
		<-done
	})
}
