package throttle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want Size
	}{
		{"S1", Size{S1, 1}},
		{"s2:3", Size{S2, 3}},
		{"S3:10", Size{S3, 10}},
		{"S1:200", Size{S1, 200}},
		{"", Size{}},
		{"S4", Size{}},
		{"F1", Size{}},
		{"S1:", Size{}},
		{"S1:0", Size{}},
		{"S1:-1", Size{}},
		{"S1:many", Size{}},
		{"S1:201", Size{}},
		{"S3:11", Size{}},
		{"S1:1:1", Size{}},
	} {
		got, err := Parse(tt.text)
		if got != tt.want || (err != nil) != (tt.want == Size{}) {
			t.Errorf("Parse(%q) = %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
}

// TestFigures wants the published ones.
func TestFigures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size Size
		want [4]string
	}{
		{Size{S1, 1}, [4]string{"100 C2D sends per minute", "100 new device connections per second", "1000 C2D receives over HTTPS per minute", "100 registry operations per minute"}},
		{Size{S1, 9}, [4]string{"900 C2D sends per minute", "108 new device connections per second", "9000 C2D receives over HTTPS per minute", "900 registry operations per minute"}},
		{Size{S2, 2}, [4]string{"200 C2D sends per minute", "240 new device connections per second", "2000 C2D receives over HTTPS per minute", "200 registry operations per minute"}},
		{Size{S3, 2}, [4]string{"10000 C2D sends per minute", "12000 new device connections per second", "100000 C2D receives over HTTPS per minute", "10000 registry operations per minute"}},
	} {
		l := tt.size.Limits()
		got := [4]string{l.Sends.String(), l.Connections.String(), l.Receives.String(), l.Registry.String()}
		if got != tt.want {
			t.Errorf("%v: %q, want %q", tt.size, got, tt.want)
		}
	}
	if l := (Size{}).Limits(); l != (Limits{}) {
		t.Errorf("no size has the limits %v", l)
	}
}

// TestBurstIsShapedThenRefused wants a minute's worth at once, then as many as fit
// into the longest wait, each a turn later than the one before, then none.
func TestBurstIsShapedThenRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := Size{S1, 1}.Limits().Sends
		for n := range 100 {
			if wait, ok := b.Take(); wait != 0 || !ok {
				t.Fatalf("number %d of the burst: wait %s, ok %v", n, wait, ok)
			}
		}
		waits := 0
		for last := time.Duration(0); ; waits++ {
			wait, ok := b.Take()
			if !ok {
				break
			}
			if want := last + 600*time.Millisecond; wait != want {
				t.Fatalf("wait %s after one of %s, want %s", wait, last, want)
			}
			last = wait
		}
		if waits != 16 { // 10 s / 0.6 s
			t.Errorf("%d wait, want 16", waits)
		}
		if _, ok := b.Take(); ok {
			t.Error("a refusal took a turn")
		}
		time.Sleep(600 * time.Millisecond)
		if wait, ok := b.Take(); !ok || wait > MaxWait {
			t.Errorf("a turn later: wait %s, ok %v", wait, ok)
		}
		time.Sleep(2 * time.Minute)
		if wait, ok := b.Take(); wait != 0 || !ok {
			t.Errorf("after a pause: wait %s, ok %v", wait, ok)
		}
	})
}

// TestWait wants those who wait to be let through at the rate of the limit, and to
// leave with their context.
func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := Size{S1, 1}.Limits().Registry
		began := time.Now()
		var all sync.WaitGroup
		var mu sync.Mutex
		passed, refused := 0, 0
		for range 200 {
			all.Go(func() {
				err := b.Wait(t.Context())
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					passed++
				case errors.Is(err, ErrFull):
					refused++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); passed != 116 || refused != 84 || took != 9600*time.Millisecond {
			t.Errorf("%d passed and %d were refused in %s, want 116 and 84 in 9.6s", passed, refused, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := b.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context that ends: %v", err)
		}
	})
}

// TestRateHolds takes turns at random times, and wants no more of them in any time
// than a burst and the rate.
func TestRateHolds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				b := Size{S3, 1 + random.IntN(10)}.Limits().Connections
				var turns []time.Time // in order
				for range 50_000 {
					if wait, ok := b.Take(); ok {
						turns = append(turns, time.Now().Add(wait))
					}
					if random.IntN(100) == 0 {
						time.Sleep(time.Duration(random.IntN(int(50 * time.Millisecond))))
					}
				}
				for i := range turns {
					if i > 0 && turns[i].Before(turns[i-1]) {
						t.Fatalf("turn %d is before turn %d", i, i-1)
					}
					if i >= b.figure && turns[i].Sub(turns[i-b.figure]) < b.interval {
						t.Fatalf("%d turns within %s", b.figure+1, turns[i].Sub(turns[i-b.figure]))
					}
				}
			})
		})
	}
}
