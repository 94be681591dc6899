package conformance

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestPace wants a few at once, and then no more than the pace, also after a pause
// and with others who wait.
func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(100)
		began := time.Now()
		var times []time.Duration
		wait := func() {
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			times = append(times, time.Since(began))
		}
		for range 200 {
			wait()
		}
		time.Sleep(time.Hour)
		for range 200 {
			wait()
		}
		for i := range times {
			if i >= 100+atOnce && times[i]-times[i-100-atOnce] < time.Minute {
				t.Fatalf("%d in %s", 100+atOnce+1, times[i]-times[i-100-atOnce])
			}
		}
		if times[atOnce-1] != 0 || times[199] > 2*time.Minute {
			t.Errorf("the first %d after %s, 200 in %s", atOnce, times[atOnce-1], times[199])
		}
	})
}

// TestPaceHolds wants nothing to happen while the hub has too much, and nobody to wait
// when the run is over.
func TestPaceHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(100)
		p.hold(10 * time.Second)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("wait = %v, want that the run is over", err)
		}
		if err := p.wait(t.Context()); err != nil || time.Since(began) < 10*time.Second {
			t.Errorf("wait = %v after %s, want 10s", err, time.Since(began))
		}
	})
}

// TestNoPace wants no wait where there is no limit.
func TestNoPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, began := newPace(-1), time.Now()
		for range 1000 {
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("1000 took %s", took)
		}
	})
}
