package iothub_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/throttle"
)

// TestServiceKeepsTheHubsPace sends more than a hub takes, many at a time: all must
// arrive once, about as fast as the hub allows, and the user is told once.
func TestServiceKeepsTheHubsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const messages = 400
		var refused, told atomic.Int64
		w := newWorld(t, messages, localhub.Options{
			Throttle: throttle.Size{Tier: throttle.S1, Units: 1}, MaxQueue: messages,
			Observer: func(e localhub.Event) {
				if e.Kind == broker.EventRefused {
					refused.Add(1)
				}
			},
		})
		defer w.close()
		s := w.service(t.Context(), iothub.Options{Throttled: func(err error) {
			told.Add(1)
			if !errors.Is(err, iothub.ErrThrottled) {
				t.Errorf("told %v", err)
			}
		}})
		defer w.closeService(s)
		began := time.Now()
		var all sync.WaitGroup
		pipeline := iothub.NewPipeline(64, func(n int) {
			if err := s.Send(t.Context(), "dev1", &iothub.Message{ID: fmt.Sprint(n)}); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			for n := range messages {
				_ = pipeline.Put(t.Context(), n)
			}
		})
		all.Wait()
		pipeline.Close()
		const atBest = (messages - 100) * 600 * time.Millisecond
		if took := time.Since(began); w.hub.Waiting() != messages || took < atBest || took > atBest*11/10 {
			t.Errorf("%d taken in %s, want %d in %s", w.hub.Waiting(), took, messages, atBest)
		}
		if refused.Load() == 0 || refused.Load() > messages/4 || told.Load() != 1 {
			t.Errorf("%d refused, told %d times", refused.Load(), told.Load())
		}
	})
}

// TestThrottledSendEnds wants a message that waits for its turn to end with its
// context, and with the service.
func TestThrottledSendEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1000, localhub.Options{Throttle: throttle.Size{Tier: throttle.S1, Units: 1}, MaxQueue: 1000})
		defer w.close()
		s := w.service(t.Context(), iothub.Options{})
		send := func(ctx context.Context, id string) error {
			return s.Send(ctx, "dev1", &iothub.Message{ID: id})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		var all sync.WaitGroup
		for n := range 200 {
			all.Go(func() { _ = send(ctx, fmt.Sprint(n)) })
		}
		time.Sleep(2 * time.Second)
		short, cancelShort := context.WithTimeout(t.Context(), time.Second)
		defer cancelShort()
		err := send(short, "short")
		var waiting *iothub.WaitError
		if !errors.As(err, &waiting) || waiting.For != iothub.ForTurn || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a send whose context ended: %v", err)
		}
		all.Wait()
		for n := range 5 {
			all.Go(func() { _ = send(t.Context(), fmt.Sprint("last", n)) })
		}
		synctest.Wait()
		began := time.Now()
		w.closeService(s)
		all.Wait()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("to close the service took %s", took)
		}
	})
}

// TestThrottledRequests wants a request that is one too many to say so, in HTTP's words.
func TestThrottledRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0, localhub.Options{Throttle: throttle.Size{Tier: throttle.S1, Units: 1}})
		defer w.close()
		owner := serviceString(t, inMemory)
		owner.KeyName = "iothubowner" // the policy of serviceString may not read the registry
		var all sync.WaitGroup
		var listed, throttled atomic.Int64
		for range 120 {
			all.Go(func() {
				_, err := iothub.Devices(t.Context(), owner, 10, w.options(new(iothub.Options)))
				switch {
				case err == nil:
					listed.Add(1)
				case errors.Is(err, iothub.ErrThrottled):
					throttled.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if listed.Load() != 116 || throttled.Load() != 4 {
			t.Errorf("%d were answered, %d throttled, want 116 and 4", listed.Load(), throttled.Load())
		}
	})
}
