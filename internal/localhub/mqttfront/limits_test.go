package mqttfront

import (
	"net"
	"runtime"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// TestMemoryBeforeLogin checks how much clients make the hub hold that are not let
// in: whatever they send, no more than 64 kB each.
func TestMemoryBeforeLogin(t *testing.T) { // not parallel: it measures the heap
	long := make([]byte, maxPacket-26)
	for i := range long {
		long[i] = 'x'
	}
	whole := rawclient.Encode(t, &mqttwire.Connect{ClientID: "d", Username: new(string(long))})
	for name, wire := range map[string][]byte{
		"nothing":              nil,
		"almost a CONNECT":     whole[:len(whole)-1],
		"a CONNECT and more":   append(whole, make([]byte, 1<<20)...),
		"a SUBSCRIBE":          append([]byte("\x82\x80\x80\x01\x00\x01"), make([]byte, 1<<14)...),
		"a PUBLISH of 256 MB":  append([]byte("\x30\xff\xff\xff\x7f\x00\x01t"), make([]byte, 1<<20)...),
		"a CONNECT of 256 kB":  append([]byte("\x10\x80\x80\x10\x00\x04MQTT"), make([]byte, 1<<18)...),
		"a CONNECT of any age": []byte("\x10\xff\x7f\x00\x04MQTT\x05"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, settings{})
				before := heap()
				const clients = 50
				for range clients {
					near, far := net.Pipe() // a rawclient has room for much
					w.served.Go(func() { w.serve(far, nil) })
					w.served.Go(func() { _, _ = near.Write(wire) })
					t.Cleanup(func() { _ = near.Close() })
				}
				synctest.Wait()
				if got := (heap() - before) / clients; got > 64<<10 {
					t.Errorf("%d bytes for each client", got)
				}
			})
		})
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
