package localhub

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
)

// The benchmarks below report what clients cost the hub that do nothing. The
// client's part is in it too, but that is small.

// BenchmarkIdleLink has a fleet on one connection: devices that have each a token
// and a link, and have had a message.
func BenchmarkIdleLink(b *testing.B) {
	const fleet = 990 // with tokens of their own
	var devices []Device
	for i := range fleet {
		devices = append(devices, Device{ID: fmt.Sprint("device-", i), Key: defaults.Key()})
	}
	var none, attached, used int64
	for b.Loop() {
		h, address := serveLoad(b, "", devices...)
		c := dialLoad(b, address, token("device", testHost, time.Hour))
		none -= footprint()
		for i, d := range devices {
			c.putToken(token("", testHost+"/devices/"+d.ID, time.Hour))
			a := rawclient.ReceiverAttach(uint32(i), "/devices/"+d.ID+"/messages/devicebound")
			a.Name = "c2d-" + d.ID
			c.attach(a)
			c.grantOn(uint32(i), 0, 10)
		}
		attached += footprint()
		for _, d := range devices {
			if refused := h.broker.Send(broker.ID{Device: d.ID}, &broker.Message{ID: "m"}); refused != nil {
				b.Fatal(refused)
			}
			c.skip(codeTransfer)
			c.accept()
		}
		for _, d := range devices {
			for len(h.Pending(d.ID)) > 0 {
				runtime.Gosched()
			}
		}
		used += footprint()
		h.Close()
	}
	b.ReportMetric(float64(attached+none)/float64(b.N*fleet), "B/link")
	b.ReportMetric(float64(used+none)/float64(b.N*fleet), "B/used-link")
}

// BenchmarkIdleConnection has connections with a device each.
func BenchmarkIdleConnection(b *testing.B) {
	const n = 500
	var before, after, goroutines int64
	for b.Loop() {
		h, address := serveLoad(b, "")
		goroutines -= int64(runtime.NumGoroutine())
		before += footprint()
		for range n {
			c := dialLoad(b, address, token("", testHost+"/devices/dev1", time.Hour))
			c.attach(rawclient.ReceiverAttach(0, deviceAddress))
			c.out, c.transfer, c.br = nil, nil, nil
		}
		after += footprint()
		goroutines += int64(runtime.NumGoroutine())
		h.Close()
	}
	b.ReportMetric(float64(after-before)/float64(b.N*n), "B/conn")
	b.ReportMetric(float64(goroutines)/float64(b.N*n), "goroutines/conn")
}

// footprint returns the bytes of memory in use.
func footprint() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
