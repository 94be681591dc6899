package iothub_test

import (
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/broker"
)

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
