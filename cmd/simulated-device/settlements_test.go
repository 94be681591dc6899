package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/fault"
)

// bench is a hub with messages for a device, and a receiver that is to receive them.
type bench struct {
	hub      *localhub.Hub
	network  *faultnet.Conn // the hub's end of the device's connection
	device   *iothub.Device
	receiver *receiver
	out, err output
}

// output may be written to by several goroutines at once, as a file.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// withBench runs a test in a synctest bubble.
func withBench(t *testing.T, messages int, faults string, test func(*testing.T, *bench)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		parsed, err := fault.Parse(faults)
		if err != nil {
			t.Fatal(err)
		}
		injector, err := fault.NewInjector(parsed)
		if err != nil {
			t.Fatal(err)
		}
		b := new(bench)
		if b.hub, err = localhub.New(&localhub.Options{Faults: injector, Devices: []localhub.Device{{ID: "dev1", Key: defaults.Key()}}}); err != nil {
			t.Fatal(err)
		}
		var served sync.WaitGroup
		defer served.Wait()
		defer b.hub.Close()
		options := &iothub.Options{Dial: func(context.Context) (net.Conn, error) {
			client, server := faultnet.Pipe(1 << 16)
			b.network = faultnet.NewConn(server, 1)
			served.Go(func() { b.hub.ServeConn(b.network) })
			return client, nil
		}}
		b.fill(t, messages, options)
		if b.device, err = iothub.DialDevice(t.Context(), defaults.DeviceString(defaults.Address, "dev1", defaults.Key()), options); err != nil {
			t.Fatal(err)
		}
		defer b.device.Close(t.Context())
		printer, err := newPrinter(&console.Console{Out: &b.out, Err: &b.err, Output: console.OutputJSON}, printFlags{})
		if err != nil {
			t.Fatal(err)
		}
		b.receiver = &receiver{idle: new(idleClock), settle: &settler{otherwise: complete}, print: printer}
		test(t, b)
	})
}

func (b *bench) fill(t *testing.T, messages int, options *iothub.Options) {
	t.Helper()
	service, err := iothub.DialService(t.Context(), defaults.ServiceString(defaults.Address), options)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close(t.Context())
	for n := range messages {
		if err := service.Send(t.Context(), "dev1", &iothub.Message{ID: fmt.Sprint("m", n)}); err != nil {
			t.Fatal(err)
		}
	}
}

// check compares the totals, and what is left at the hub.
func (b *bench) check(t *testing.T, received, completed, lost, pending int) {
	t.Helper()
	p := b.receiver.print
	synctest.Wait()
	if left := len(b.hub.Pending("dev1")); p.total != received || p.counts[complete] != completed || p.lost != lost || left != pending {
		t.Errorf("%d received, %d completed, %d locks lost, %d pending, want %d, %d, %d, %d",
			p.total, p.counts[complete], p.lost, left, received, completed, lost, pending)
	}
}

// TestCountIsExact wants no message more than --count to be taken while the hub has
// not said its word about the last ones.
func TestCountIsExact(t *testing.T) {
	withBench(t, 10, "", func(t *testing.T, b *bench) {
		b.network.Delay(time.Second, 0) // of the hub's answers
		b.receiver.count = 4
		if err := b.receiver.receive(t.Context(), b.device); err != nil {
			t.Error(err)
		}
		b.check(t, 4, 4, 0, 6)
	})
}

// TestLostLocksDoNotCount wants a message whose lock was lost to be told of, and
// another one to be received in its place.
func TestLostLocksDoNotCount(t *testing.T) {
	withBench(t, 5, "expire-locks=10ms:first=2", func(t *testing.T, b *bench) {
		b.receiver.count, b.receiver.settle.delay = 5, 20*time.Millisecond
		if err := b.receiver.receive(t.Context(), b.device); err != nil {
			t.Error(err)
		}
		b.check(t, 7, 5, 2, 0)
		for n, id := range []string{"m0", "m1"} {
			if line := fmt.Sprintf(`{"event":"lockLost","n":%d,"deviceId":"dev1","messageId":"%s"}`, n, id); !strings.Contains(b.out.text.String(), line) {
				t.Errorf("no %s in\n%s", line, b.out.text.String())
			}
		}
	})
}

// TestEndWhileSettling wants a run that is told to end to wait a second for what is
// under way, and no longer.
func TestEndWhileSettling(t *testing.T) {
	for _, tt := range []struct {
		delay     time.Duration
		completed int
	}{{closeTimeout / 2, 10}, {2 * closeTimeout, 0}} {
		t.Run(fmt.Sprint(tt.delay), func(t *testing.T) {
			withBench(t, 10, "", func(t *testing.T, b *bench) {
				synctest.Wait() // the messages are there
				b.network.Delay(tt.delay, 0)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(100*time.Millisecond, cancel)
				began := time.Now()
				if err := b.receiver.receive(ctx, b.device); !errors.Is(err, context.Canceled) || time.Since(began) > 100*time.Millisecond+closeTimeout {
					t.Errorf("receive = %v after %v, want that it is canceled, within %v", err, time.Since(began), closeTimeout)
				}
				b.check(t, 10, tt.completed, 0, 0) // the hub has done all of it
			})
		})
	}
}
