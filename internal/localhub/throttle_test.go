package localhub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/throttle"
)

var oneS1 = throttle.Size{Tier: throttle.S1, Units: 1}

const throttledCondition = "com.microsoft:device-container-throttled"

// TestSendsAreShapedThenRefused sends more than a hub takes, all at once. The other
// links of the connection must not feel it.
func TestSendsAreShapedThenRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var enqueued, refused atomic.Int64
		observer := func(e localhub.Event) {
			switch {
			case e.Kind == broker.EventEnqueued:
				enqueued.Add(1)
			case e.Kind == broker.EventRefused && e.Detail == throttledCondition:
				refused.Add(1)
			}
		}
		l := overPipes(t, localhub.Options{Throttle: oneS1, MaxQueue: 1000, Observer: observer})
		service := backEnd(t, l)
		device, err := amqpDevice(t, l, defaults.Key())
		check(t, err)
		began := time.Now()
		feedback, err := service.ReceiveFeedback(t.Context())
		check(t, err)
		var all sync.WaitGroup
		for n := range 100 {
			all.Go(func() { send(t, service, fmt.Sprint(n)) })
		}
		all.Wait()
		if took := time.Since(began); took > time.Second {
			t.Errorf("a minute's worth took %s, want nothing", took)
		}
		for n := range 20 {
			all.Go(func() { send(t, service, fmt.Sprint("more", n)) })
		}
		synctest.Wait()
		d, err := device.Receive(t.Context())
		check(t, err)
		check(t, d.Complete(t.Context()))
		batch, err := feedback.Receive(t.Context())
		check(t, err)
		check(t, batch.Complete(t.Context()))
		if took := time.Since(began); took > time.Second {
			t.Errorf("feedback took %s while messages waited", took)
		}
		if got := refused.Load(); got != 4 { // 16 wait
			t.Errorf("%d refused, want 4", got)
		}
		all.Wait()
		if took := time.Since(began); enqueued.Load() != 120 || took < 12*time.Second || took > 30*time.Second {
			t.Errorf("%d taken in %s, want 120 in 12 s or a bit more", enqueued.Load(), took)
		}
	})
}

func send(t *testing.T, service *iothub.Service, id string) {
	t.Helper()
	if err := service.Send(t.Context(), "dev1", &iothub.Message{ID: id, Ack: iothub.AckFull}); err != nil {
		t.Error(err)
	}
}

// TestHubClosesOverWhatWaits wants a hub to end although messages wait their turn.
func TestHubClosesOverWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := overPipes(t, localhub.Options{Throttle: oneS1, MaxQueue: 1000})
		service := backEnd(t, l)
		var all sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for n := range 120 {
			all.Go(func() { _ = service.Send(ctx, "dev1", &iothub.Message{ID: fmt.Sprint(n)}) })
		}
		synctest.Wait()
		began := time.Now()
		l.hub.Close()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %s", took)
		}
		cancel()
		all.Wait()
	})
}

// TestConnectionsAreShapedThenRefused connects more devices at once than may wait.
func TestConnectionsAreShapedThenRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := overPipes(t, localhub.Options{Throttle: oneS1})
		began := time.Now()
		var passed, refused, slowest atomic.Int64
		connect := func() {
			device, err := amqpDevice(t, l, defaults.Key())
			took := time.Since(began)
			var hub *iothub.HubError
			switch {
			case err == nil:
				passed.Add(1)
				slowest.Store(max(slowest.Load(), int64(took)))
				_ = device.Close(t.Context())
			case errors.As(err, &hub) && hub.Condition == throttledCondition && hub.Code == 429001:
				refused.Add(1)
			default:
				t.Error(err)
			}
		}
		var all sync.WaitGroup
		for range 1110 {
			all.Go(connect)
		}
		all.Wait()
		if passed.Load() != 1100 || refused.Load() != 10 || time.Duration(slowest.Load()).Round(time.Second) != throttle.MaxWait {
			t.Errorf("%d connected within %s, %d refused, want 1100, 10s and 10", passed.Load(), time.Duration(slowest.Load()), refused.Load())
		}
		if _, err := amqpDevice(t, l, defaults.Key()); err != nil { // there is room again
			t.Error(err)
		}
	})
}

// TestRequestsAreLimited wants operations of the registry to be slowed down, then
// refused; those of a device, and queries, do not count.
func TestRequestsAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := overPipes(t, localhub.Options{Throttle: oneS1})
		count := func(n int, r rest, method, path, body string) (status map[int]int, took time.Duration) {
			var mu sync.Mutex
			var all sync.WaitGroup
			began := time.Now()
			status = make(map[int]int)
			for range n {
				all.Go(func() {
					a, err := r.try(method, path, body)
					mu.Lock()
					defer mu.Unlock()
					status[a.status]++
					if a.status == http.StatusTooManyRequests && a.header.Get("iothub-errorcode") != "ThrottlingException" {
						t.Errorf("429 says %v", a.header)
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			return status, time.Since(began)
		}
		owner := restOf(t, l, route{})
		if status, took := count(120, owner, "GET", "/devices/dev1", ""); status[200] != 116 || status[429] != 4 || took != 9600*time.Millisecond {
			t.Errorf("the registry answered %v in %s, want 116 times 200 and 4 times 429 in 9.6s", status, took)
		}
		device := owner.asDevice("dev1", defaults.Key())
		if status, took := count(1010, device, "GET", "/devices/dev1/messages/devicebound", ""); status[204] != 1010 || took != 600*time.Millisecond {
			t.Errorf("receives were answered %v in %s, want 1010 times 204 in 0.6s", status, took)
		}
		if status, took := count(10, owner, "POST", "/devices/query", `{"query":"SELECT * FROM devices"}`); status[200] != 10 || took > 0 {
			t.Errorf("queries were answered %v in %s", status, took)
		}
	})
}
