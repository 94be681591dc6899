package iothub_test

import (
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// TestIdleFleetIsSmall wants a device of a fleet to cost no more than go-amqp's
// receiver with small queues, two goroutines, and what the hub has of it; also after
// all devices have come back. It does not run beside others: it measures all that
// there is.
func TestIdleFleetIsSmall(t *testing.T) {
	const devices = 2000
	w := newFleetWorld(t, devices, localhub.Options{})
	defer w.close()
	var mu sync.Mutex
	var conns []net.Conn
	options := iothub.Options{Dial: w.through(func(server net.Conn) net.Conn {
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, server)
		return server
	})}
	back := make(chan struct{}, 1)
	options.Restored = func(time.Duration) { back <- struct{}{} }
	bytes, goroutines := -footprint(), -runtime.NumGoroutine()
	f := w.fleet(fleetIDs(devices), options)
	defer f.Close(t.Context())
	for range 2 {
		bytes, goroutines := bytes+footprint(), goroutines+runtime.NumGoroutine()
		if perDevice := bytes / devices; perDevice > 32<<10 {
			t.Errorf("a device costs %d bytes, want 32 kB at most", perDevice)
		}
		if goroutines > devices*21/10 {
			t.Errorf("%d devices cost %d goroutines, want two each", devices, goroutines)
		}
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		conns = nil
		mu.Unlock()
		<-back
	}
}

// footprint returns the bytes of memory in use.
func footprint() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
