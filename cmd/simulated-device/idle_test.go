package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

func TestIdleClock(t *testing.T) {
	t.Parallel()
	const limit = 10 * time.Second
	for _, test := range []struct {
		name string
		away [][2]time.Duration // from and to, since the wait began
		want time.Duration
	}{
		{"always connected", nil, limit},
		{"away once", [][2]time.Duration{{4 * time.Second, time.Hour}}, time.Hour + 6*time.Second},
		{"away from the start", [][2]time.Duration{{0, time.Hour}}, time.Hour + limit},
		{"away twice", [][2]time.Duration{{time.Second, time.Minute}, {time.Minute + time.Second, time.Hour}}, time.Hour + 8*time.Second},
		{"away after that", [][2]time.Duration{{time.Hour, 2 * time.Hour}}, limit},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var heard []bool
				options := &iothub.Options{
					Lost:     func(error) { heard = append(heard, false) },
					Restored: func(time.Duration) { heard = append(heard, true) },
				}
				clock := &idleClock{limit: limit}
				clock.follow(options)
				began := time.Now()
				ctx, cancel := clock.wait(t.Context())
				defer cancel()
				var connection sync.WaitGroup
				connection.Go(func() {
					for _, away := range test.away {
						time.Sleep(away[0] - time.Since(began))
						options.Lost(errors.New("gone"))
						time.Sleep(away[1] - time.Since(began))
						options.Restored(away[1] - away[0])
					}
				})
				<-ctx.Done()
				if got := time.Since(began); got != test.want || context.Cause(ctx) != errIdle {
					t.Errorf("got %v after %s, want %v after %s", context.Cause(ctx), got, errIdle, test.want)
				}
				connection.Wait()
				if got, want := len(heard), 2*len(test.away); got != want {
					t.Errorf("the others heard of %d changes, want %d", got, want)
				}
			})
		})
	}
}

// A new wait has the whole limit, and none is measured between waits.
func TestIdleClockStartsAnew(t *testing.T) {
	t.Parallel()
	const limit = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		clock := &idleClock{limit: limit}
		for range 3 {
			ctx, cancel := clock.wait(t.Context())
			time.Sleep(limit - time.Nanosecond)
			synctest.Wait()
			if ctx.Err() != nil {
				t.Error("it has ended too early")
			}
			cancel()
			time.Sleep(time.Hour)
			clock.setConnected(true) // no wait is there to go on with
		}
		ctx, cancel := (&idleClock{}).wait(t.Context())
		defer cancel()
		time.Sleep(1000 * time.Hour)
		if ctx.Err() != nil {
			t.Error("it has ended without a limit")
		}
	})
}

// TestIdleTimeIsTimeConnected: a device that is cut off for an hour has not waited
// for a message in that hour.
func TestIdleTimeIsTimeConnected(t *testing.T) {
	t.Parallel()
	const idle, outage = 10 * time.Second, time.Hour
	synctest.Test(t, func(t *testing.T) {
		hub, err := localhub.New(&localhub.Options{Devices: []localhub.Device{{ID: "dev1", Key: defaults.Key()}}})
		if err != nil {
			t.Fatal(err)
		}
		var served sync.WaitGroup
		defer served.Wait()
		defer hub.Close()
		conns := make(chan net.Conn, 10)
		began := time.Now()
		r := &receiver{idle: &idleClock{limit: idle}, settle: &settler{otherwise: complete}}
		if r.print, err = newPrinter(&console.Console{Out: new(bytes.Buffer), Err: new(bytes.Buffer)}, printFlags{}); err != nil {
			t.Fatal(err)
		}
		options := &iothub.Options{Dial: func(context.Context) (net.Conn, error) {
			if since := time.Since(began); since > 0 && since < outage {
				return nil, errors.New("the network is away")
			}
			client, server := faultnet.Pipe(1 << 16)
			served.Go(func() { hub.ServeConn(server) })
			conns <- server
			return client, nil
		}}
		r.idle.follow(options)
		device, err := iothub.DialDevice(t.Context(), defaults.DeviceString(defaults.Address, "dev1", defaults.Key()), options)
		if err != nil {
			t.Fatal(err)
		}
		defer device.Close(t.Context())
		time.AfterFunc(idle/2, func() { (<-conns).Close() })
		if err := r.receive(t.Context(), device); err != nil {
			t.Errorf("receive: %v", err)
		}
		const slowest = time.Minute // between two attempts to connect
		if got := time.Since(began); got < outage+idle/2 || got > outage+idle/2+slowest {
			t.Errorf("stopped after %s, want %s and a little", got, outage+idle/2)
		}
	})
}
