package broker

import "testing"

func TestWaiting(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		device, module := h.box(ID{"dev1", ""}), h.box(ID{"dev1", "mod"})
		if got := h.Waiting(); got != 0 {
			t.Errorf("got %d before any message", got)
		}
		for _, box := range []*Mailbox{device, device, module} {
			if err := box.Put(named("a")); err != nil {
				t.Fatal(err)
			}
		}
		d, _ := device.Take()
		if got := h.Waiting(); got != 3 {
			t.Errorf("got %d, want 3 with the one in the device's hands", got)
		}
		_ = device.Settle(d.Token, Complete)
		if got := h.Waiting(); got != 2 {
			t.Errorf("got %d, want 2", got)
		}
	})
}
