package iothub_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// TestPipeline wants as many values under way at once as may be, begun in order,
// and each done once.
func TestPipeline(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values, most int
		want         time.Duration // if each takes a second
	}{
		{0, 3, 0},
		{1, 3, time.Second},
		{3, 3, time.Second},
		{4, 3, 2 * time.Second},
		{9, 3, 3 * time.Second},
		{5, 1, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var begun []int
			var ended int
			p := iothub.NewPipeline(tt.most, func(v int) {
				mu.Lock()
				begun = append(begun, v)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				ended++
				mu.Unlock()
			})
			began := time.Now()
			for v := range tt.values {
				if err := p.Put(t.Context(), v); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			p.Close()
			if took := time.Since(began); took != tt.want || ended != tt.values {
				t.Errorf("%d values, %d at a time: %d done in %v, want all in %v", tt.values, tt.most, ended, took, tt.want)
			}
			for i, v := range begun {
				if i != v {
					t.Errorf("%d values, %d at a time: begun in the order %v", tt.values, tt.most, begun)
					break
				}
			}
		})
	}
}

// TestFullPipeline wants a value that finds no room to be given up with its context.
func TestFullPipeline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var done atomic.Int64
		p := iothub.NewPipeline(2, func(int) {
			time.Sleep(time.Minute)
			done.Add(1)
		})
		over := errors.New("over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, over)
		defer cancel()
		for v, want := range []error{nil, nil, over, over} {
			if err := p.Put(ctx, v); !errors.Is(err, want) {
				t.Errorf("Put(%d) = %v, want %v", v, err, want)
			}
		}
		p.Close()
		if done.Load() != 2 {
			t.Errorf("%d values are done, want 2", done.Load())
		}
	})
}

// TestPipelinedSettlements wants the settlements of many messages to take about the
// time of one, on a network that takes its time.
func TestPipelinedSettlements(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const messages = 40
		w := newWorld(t, 0, localhub.Options{})
		defer w.close()
		s := w.service(t.Context(), iothub.Options{})
		defer w.closeService(s)
		for range messages {
			if err := s.Send(t.Context(), "dev1", &iothub.Message{}); err != nil {
				t.Fatal(err)
			}
		}
		d := w.device(t.Context(), "dev1", iothub.Options{Prefetch: messages, Dial: w.dialer(func(_ int, c *faultnet.Conn) {
			c.Delay(time.Second, 0) // of what the device writes
		}).DialContext})
		defer d.Close(t.Context())
		var settled atomic.Int64
		p := iothub.NewPipeline(messages, func(m *iothub.Delivery) {
			if err := m.Complete(t.Context()); err != nil {
				t.Error(err)
			}
			settled.Add(1)
		})
		began := time.Now()
		for range messages {
			m, err := d.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Put(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		p.Close()
		if took := time.Since(began); took > 5*time.Second || settled.Load() != messages {
			t.Errorf("%d settlements took %v, want all %d in the time of one or two", settled.Load(), took, messages)
		}
	})
}
