package iothub_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

// fleetIDs returns the ids of n devices.
func fleetIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("device-", i)
	}
	return ids
}

// newFleetWorld returns a world with n devices.
func newFleetWorld(t testing.TB, n int, options localhub.Options) *world {
	t.Helper()
	for _, id := range fleetIDs(n) {
		options.Devices = append(options.Devices, localhub.Device{ID: id, Key: defaults.Key()})
	}
	return newWorld(t, 0, options)
}

// fleet connects devices, and waits until all are connected or refused.
func (w *world) fleet(ids []string, options iothub.Options) *iothub.Fleet {
	w.t.Helper()
	f, err := iothub.DialFleet(w.t.Context(), defaults.ServiceString(inMemory), ids, w.options(&options))
	if err != nil {
		w.t.Fatal(err)
	}
	<-f.Ready()
	return f
}

// hello sends a message to each device, as if a back end had.
func (w *world) hello(ids ...string) {
	w.t.Helper()
	s := w.service(w.t.Context(), iothub.Options{})
	defer w.closeService(s)
	for _, id := range ids {
		if err := s.Send(w.t.Context(), id, &iothub.Message{ID: "for-" + id, Body: []byte("hello")}); err != nil {
			w.t.Error(err)
		}
	}
}

// completeNext completes so many messages, and returns the devices that got them.
func completeNext(t *testing.T, f *iothub.Fleet, n int) (devices []string) {
	t.Helper()
	for range n {
		d, err := f.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Complete(t.Context()); err != nil {
			t.Error(err)
		}
		devices = append(devices, d.DeviceID)
	}
	slices.Sort(devices)
	return devices
}

// TestFleet wants each device of a fleet to get its own message, whatever becomes of
// the others: one is not registered, another is displaced.
func TestFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFleetWorld(t, 4, localhub.Options{})
		defer w.close()
		ids := append(fleetIDs(4), "nobody")
		f := w.fleet(ids, iothub.Options{})
		defer f.Close(t.Context())
		wantFailure(t, f, "nobody", iothub.ErrNotFound)
		thief := w.device(t.Context(), "device-2", iothub.Options{})
		defer thief.Close(t.Context())
		wantFailure(t, f, "device-2", iothub.ErrDisplaced)
		w.hello(fleetIDs(4)...)
		if got, want := fmt.Sprint(completeNext(t, f, 3)), "[device-0 device-1 device-3]"; got != want {
			t.Errorf("messages came for %s, want %s", got, want)
		}
		if got, want := f.Status(), (iothub.FleetStatus{Connected: 3, Gone: 2}); got != want {
			t.Errorf("status %+v, want %+v", got, want)
		}
	})
}

// wantFailure waits for the failure of a device.
func wantFailure(t *testing.T, f *iothub.Fleet, device string, want error) {
	t.Helper()
	_, err := f.Receive(t.Context())
	var one *iothub.DeviceError
	if !errors.As(err, &one) || one.DeviceID != device || !errors.Is(err, want) {
		t.Errorf("got %v, want that %s is: %v", err, device, want)
	}
}

// TestFleetOfNobody wants the first reason when no device is left.
func TestFleetOfNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFleetWorld(t, 2, localhub.Options{})
		defer w.close()
		// This policy may act as a back end, and not for devices.
		options := &iothub.Options{Dial: w.dial}
		f, err := iothub.DialFleet(t.Context(), serviceString(t, inMemory), fleetIDs(2), options)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close(t.Context())
		for range 2 {
			if _, err := f.Receive(t.Context()); !errors.Is(err, iothub.ErrUnauthorized) {
				t.Errorf("got %v, want that the device is refused", err)
			}
		}
		if _, err := f.Receive(t.Context()); !errors.Is(err, iothub.ErrNoDevice) || !errors.Is(err, iothub.ErrUnauthorized) {
			t.Errorf("got %v, want that no device is left, and why", err)
		}
	})
}

// TestFleetOfABrokenHub wants the first connection to be tried once.
func TestFleetOfABrokenHub(t *testing.T) {
	t.Parallel()
	gone := errors.New("the hub is gone")
	dial := func(context.Context) (net.Conn, error) { return nil, gone }
	if _, err := iothub.DialFleet(t.Context(), defaults.ServiceString(inMemory), fleetIDs(2), &iothub.Options{Dial: dial}); !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
}

// TestFleetGivesBack wants Close to give the messages back that are not settled.
func TestFleetGivesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFleetWorld(t, 2, localhub.Options{})
		defer w.close()
		f := w.fleet(fleetIDs(2), iothub.Options{})
		w.hello("device-0", "device-0", "device-1")
		if _, err := f.Receive(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if err := f.Close(t.Context()); err != nil {
			t.Error(err)
		}
		d := w.device(t.Context(), "device-0", iothub.Options{})
		defer d.Close(t.Context())
		for range 2 {
			if m, err := d.Receive(t.Context()); err != nil || m.DeliveryCount != 0 {
				t.Errorf("got %v, %v, want the message at once, as if it had not been delivered", m, err)
			}
		}
		if _, err := f.Receive(t.Context()); err == nil {
			t.Error("Receive after Close succeeded")
		}
	})
}
