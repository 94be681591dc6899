package broker

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestPresence follows who is connected as a device, and what it does.
func TestPresence(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		id, t0 := ID{Device: "dev1"}, time.Now()
		want := func(step string, connected bool, changed, active time.Duration) {
			t.Helper()
			a := h.Activity(id)
			if a.Connected != connected || a.Changed.Sub(t0) != changed || a.Active.Sub(t0) != active {
				t.Errorf("%s: %+v, want %v since %v, active at %v", step, a, connected, changed, active)
			}
		}
		if a := h.Activity(id); a.Connected || !a.Changed.IsZero() || !a.Active.IsZero() {
			t.Errorf("at the start: %+v", a)
		}
		box := h.dev1()
		time.Sleep(time.Second)
		first := box.Enter(Connection{Protocol: "AMQP"}, func(*Refusal) { t.Error("ended") })
		want("one", true, time.Second, time.Second)
		time.Sleep(time.Second)
		second := box.Enter(Connection{Protocol: "MQTT"}, func(*Refusal) { t.Error("ended") })
		want("two", true, time.Second, 2*time.Second)
		if n := h.Connected(); n != 1 {
			t.Errorf("%d devices connected, want 1", n)
		}
		first.Leave()
		first.Leave()
		want("one left", true, time.Second, 2*time.Second)
		time.Sleep(time.Second)
		second.Leave()
		want("none left", false, 3*time.Second, 2*time.Second)
		time.Sleep(time.Second)
		h.send("m")
		want("a message waits", false, 3*time.Second, 2*time.Second)
		box.Take()
		want("received", false, 3*time.Second, 4*time.Second)
		if n := h.Activity(id).Messages; n != 1 || h.Connected() != 0 {
			t.Errorf("%d messages, %d connected, want 1 and none", n, h.Connected())
		}
		if a := h.Activity(ID{Device: "none"}); a != (Activity{}) {
			t.Errorf("of nobody: %+v", a)
		}
	})
}

// TestExpel ends who is there, and nobody twice.
func TestExpel(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		ended := make(map[string][]Code)
		enter := func(id ID, name string) *Presence {
			return h.box(id).Enter(Connection{Client: name}, func(r *Refusal) { ended[name] = append(ended[name], r.Code) })
		}
		device, module := ID{Device: "dev1"}, ID{"dev1", "mod"}
		enter(device, "device")
		enter(module, "module")
		enter(device, "gone").Leave()
		h.Expel(device, Refuse(Unauthorized, "Why."))
		late := enter(device, "late")
		if err := h.Unregister(module); err != nil {
			t.Fatal(err)
		}
		if err := h.Unregister(device); err != nil {
			t.Fatal(err)
		}
		late.Leave()
		h.Expel(device, Refuse(Unauthorized, "Why."))
		synctest.Wait()
		want := map[string][]Code{"device": {Unauthorized}, "module": {Unauthorized}, "late": {DeviceNotFound}}
		if !maps.EqualFunc(ended, want, slices.Equal) {
			t.Errorf("ended %v, want %v", ended, want)
		}
	})
}
