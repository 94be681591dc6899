package localhub

import (
	"fmt"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/throttle"
)

// TestOneConnectionWithManyDevices attaches links of more devices than may connect
// at once. Only the first link of a device counts, until its last is detached; and
// the links that are there already are none the worse.
func TestOneConnectionWithManyDevices(t *testing.T) {
	options := Options{Throttle: throttle.Size{Tier: throttle.S1, Units: 1}}
	for n := range 150 {
		options.Devices = append(options.Devices, Device{ID: fmt.Sprint("d", n), Key: defaults.Key()})
	}
	inWorld(t, options, func(t *testing.T, w *world) {
		c := w.begun()
		c.putToken(token("device", testHost, time.Hour))
		attach := func(handle uint32, device int) {
			c.Send(0, rawclient.ReceiverAttach(handle, fmt.Sprintf("/devices/d%d/messages/devicebound", device)))
			if got := want[*amqpwire.Attach](c); got.Handle != handle || got.Source == nil {
				t.Fatalf("attach %+v, want handle %d", got, handle)
			}
		}
		began := time.Now()
		for n := range 150 {
			attach(uint32(n), n)
		}
		if took := time.Since(began).Round(time.Millisecond); took != 500*time.Millisecond {
			t.Errorf("150 devices took %s, want 500ms", took)
		}
		began = time.Now()
		c.Send(0, rawclient.SenderAttach(200, "/devices/d0/messages/events"))
		want[*amqpwire.Attach](c)
		if took := time.Since(began); took > 0 {
			t.Errorf("another link of a device took %s", took)
		}
		c.Send(0, &amqpwire.Detach{Handle: 7, Closed: true})
		c.WantQuiet(func(rawclient.Received) {}) // whatever the hub says to that
		began = time.Now()
		attach(7, 7)
		if took := time.Since(began).Round(time.Millisecond); took != 10*time.Millisecond {
			t.Errorf("a device that had left took %s, want the 10ms of a turn", took)
		}
	})
}
