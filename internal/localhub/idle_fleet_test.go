package localhub

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/localhub/defaults"
)

// TestIdleDevicesCostBytes wants a device that is connected and does nothing to cost
// the hub a few kilobytes, and no goroutine. It does not run beside others: it
// measures all that there is.
func TestIdleDevicesCostBytes(t *testing.T) {
	const connections, each = 4, 500
	var devices []Device
	for i := range connections * each {
		devices = append(devices, Device{ID: fmt.Sprint("device-", i), Key: defaults.Key()})
	}
	_, address := serveLoad(t, "", devices...)
	bytes, goroutines := -footprint(), -runtime.NumGoroutine()
	for i := range connections {
		c := dialLoad(t, address, token("device", testHost, time.Hour))
		for n, d := range devices[i*each : (i+1)*each] {
			c.putToken(token("", testHost+"/devices/"+d.ID, time.Hour))
			a := rawclient.ReceiverAttach(uint32(n), "/devices/"+d.ID+"/messages/devicebound")
			a.Name = "c2d-" + d.ID
			c.attach(a)
			c.grantOn(uint32(n), 0, 10)
		}
	}
	bytes, goroutines = bytes+footprint(), goroutines+runtime.NumGoroutine()
	// Of which a connection costs 5 goroutines or so, and the client's part too.
	if perDevice := bytes / int64(len(devices)); perDevice > 3<<10 {
		t.Errorf("an idle device costs %d bytes, want 3072 at most", perDevice)
	}
	if goroutines > connections*8 {
		t.Errorf("%d devices cost %d goroutines, want %d at most", len(devices), goroutines, connections*8)
	}
}
