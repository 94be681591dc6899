package iothub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/broker"
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

// TestFleetComesBack wants all devices to come back after their connections are cut,
// and that to be told once.
func TestFleetComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const devices = 1500 // on two connections
		w := newFleetWorld(t, devices, localhub.Options{})
		defer w.close()
		var mu sync.Mutex
		var conns []net.Conn
		var told []string
		options := iothub.Options{
			Dial: w.through(func(server net.Conn) net.Conn {
				mu.Lock()
				defer mu.Unlock()
				conns = append(conns, server)
				return server
			}),
			Lost:     func(error) { told = append(told, "lost") },
			Restored: func(time.Duration) { told = append(told, "restored") },
		}
		f := w.fleet(fleetIDs(devices), options)
		defer f.Close(t.Context())
		for range 3 {
			mu.Lock()
			for _, c := range conns {
				c.Close()
			}
			if got := len(conns); got != 2 {
				t.Errorf("%d connections, want 2", got)
			}
			conns = nil
			mu.Unlock()
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		w.hello("device-0", "device-1499")
		if got, want := fmt.Sprint(completeNext(t, f, 2)), "[device-0 device-1499]"; got != want {
			t.Errorf("messages came for %s, want %s", got, want)
		}
		if got, want := f.Status(), (iothub.FleetStatus{Connected: devices, Returns: 3 * devices}); got != want {
			t.Errorf("status %+v, want %+v", got, want)
		}
		if got, want := fmt.Sprint(told), "[lost restored lost restored lost restored]"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
}

// TestFleetSparesTheConnection wants what ails one device to leave the connection
// alone: its link is made anew, and no other.
func TestFleetSparesTheConnection(t *testing.T) {
	t.Parallel()
	for _, faults := range []string{
		"detach=unauthorized:first=1", "detach=detach-forced:first=1", "refuse-attach=throttled:first=2", "refuse-auth=503:first=1",
		"refuse-auth=none:first=1",
	} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				attached := make(map[string]int)
				var mu sync.Mutex
				w := newFleetWorld(t, 3, localhub.Options{Observer: func(e broker.Event) {
					if e.Kind == broker.EventAttached {
						mu.Lock()
						defer mu.Unlock()
						attached[e.Device]++
					}
				}})
				defer w.close()
				dialer := w.dialer(func(int, *faultnet.Conn) {})
				w.inject(faults)
				f := w.fleet(fleetIDs(3), iothub.Options{Dial: dialer.DialContext})
				defer f.Close(t.Context())
				time.Sleep(time.Minute)
				w.hello(fleetIDs(3)...)
				completeNext(t, f, 3)
				if got := dialer.Attempts(); got != 1 {
					t.Errorf("%d connections, want 1", got)
				}
				if got := f.Status().Connected; got != 3 {
					t.Errorf("%d devices are connected, want 3", got)
				}
			})
		})
	}
}

// TestFleetRenewsTokens wants the token of each device to be renewed, and no link to
// suffer.
func TestFleetRenewsTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const devices = 20
		w := newFleetWorld(t, devices, localhub.Options{})
		defer w.close()
		log, lost := newLogbook(), 0
		f := w.fleet(fleetIDs(devices), iothub.Options{Logger: slog.New(log), Lost: func(error) { lost++ }})
		defer f.Close(t.Context())
		time.Sleep(3 * time.Hour)
		if got, want := log.counted("token renewed"), 3*devices; got != want || lost > 0 {
			t.Errorf("%d renewals and %d outages, want %d and none", got, lost, want)
		}
		w.hello("device-7")
		completeNext(t, f, 1)
	})
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
