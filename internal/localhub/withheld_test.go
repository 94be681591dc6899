package localhub

import (
	"testing"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/fault"
)

// TestWithheldOutcomes checks what the hub does when it has been told to withhold
// its answers: everything else.
func TestWithheldOutcomes(t *testing.T) {
	injector, err := fault.NewInjector(fault.Faults{List: []fault.Fault{{Name: fault.WithholdDisposition}}})
	if err != nil {
		t.Fatal(err)
	}
	inWorld(t, Options{Faults: injector}, func(t *testing.T, w *world) {
		back, device := w.service(), w.device("dev1")
		back.Sender(0, serviceAddress)
		back.transfer(&amqpwire.Transfer{}, c2d("m1"))
		back.transfer(&amqpwire.Transfer{DeliveryID: new(uint32(1))}, c2d("m2"))
		back.WantNothing()
		device.second(10)
		device.wantMessages(1, "m1", "m2")
		for range 2 {
			device.Dispose(1, nil, &amqpwire.Accepted{})
			device.WantNothing()
		}
		if got := w.hub.Pending("dev1"); len(got) != 1 {
			t.Errorf("messages %q are pending, want m2 alone", got)
		}
		device.Settle(2, &amqpwire.Accepted{}) // who waits for no answer misses none
		device.WantNothing()
		if got := w.hub.Pending("dev1"); len(got) != 0 {
			t.Errorf("messages %q are pending, want none", got)
		}
	})
}
