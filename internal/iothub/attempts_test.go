package iothub

import (
	"context"
	"errors"
	"io"
	"math"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/sas"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, n := range []int{math.MinInt, -1, 0, 1} {
		if got := backoff(n, 0.5); got != 0 {
			t.Errorf("backoff(%d) = %s, want 0: at once", n, got)
		}
	}
	for _, tt := range []struct {
		n                    int
		least, usually, most time.Duration
	}{
		{2, 75 * time.Millisecond, 100 * time.Millisecond, 125 * time.Millisecond},
		{4, 300 * time.Millisecond, 400 * time.Millisecond, 500 * time.Millisecond},
		{8, 4800 * time.Millisecond, 6400 * time.Millisecond, 8 * time.Second},
		{9, 6 * time.Second, 8 * time.Second, 10 * time.Second}, // at the limit they differ as well
		{3000, 6 * time.Second, 8 * time.Second, 10 * time.Second},
		{math.MaxInt, 6 * time.Second, 8 * time.Second, 10 * time.Second},
	} {
		least, usually, most := backoff(tt.n, 0), backoff(tt.n, 0.5), backoff(tt.n, 1)
		if least != tt.least || usually != tt.usually || most != tt.most {
			t.Errorf("backoff(%d) = %s, %s, %s, want %s, %s, %s", tt.n, least, usually, most, tt.least, tt.usually, tt.most)
		}
	}
}

// TestPace wants attempts to be made ever further apart while they fail, and
// what has lasted to be made anew at once.
func TestPace(t *testing.T) {
	t.Parallel()
	const briefly, long = time.Second, 2 * stableAfter
	type step func(*attempts)
	ctx := t.Context()
	fail := func(a *attempts) { a.failed(ctx, io.EOF) }
	lose := func(after time.Duration) step {
		return func(a *attempts) {
			a.succeeded()
			time.Sleep(after)
			a.lost()
		}
	}
	for _, tt := range []struct {
		name  string
		steps []step
		want  []int // the number of the next attempt, after each step
	}{
		{"failing", []step{fail, fail, fail}, []int{2, 3, 4}},
		{"lost after long", []step{lose(long), lose(long)}, []int{1, 1}},
		{"lost soon", []step{lose(briefly), lose(briefly), lose(briefly)}, []int{1, 2, 3}},
		{"lost, and then failing", []step{lose(long), fail, fail}, []int{1, 2, 3}},
		{"failing, then lasting", []step{fail, fail, lose(long), fail}, []int{2, 3, 1, 2}},
		{"failing, then lost soon", []step{fail, fail, lose(briefly)}, []int{2, 3, 4}},
		{"long without", []step{lose(long), func(*attempts) { time.Sleep(long) }, fail}, []int{1, 1, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAttempts()
				var got []int
				for _, step := range tt.steps {
					step(&a)
					got = append(got, a.number)
				}
				if !reflect.DeepEqual(got, tt.want) {
					t.Errorf("attempts were number %v, want %v", got, tt.want)
				}
				began := time.Now()
				if err := a.wait(t.Context()); err != nil {
					t.Error(err)
				}
				if took, most := time.Since(began), backoff(a.number, 1); took > most || took < backoff(a.number, 0) {
					t.Errorf("waited %s, want %s to %s", took, backoff(a.number, 0), most)
				}
			})
		})
	}
}

// TestSharedFailure wants those who wait for an attempt to get its error, and
// nobody else.
func TestSharedFailure(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		end  func(a *attempts)
		want error
	}{
		{"it fails", func(a *attempts) { a.failed(t.Context(), io.EOF) }, io.EOF},
		{"it succeeds", func(a *attempts) { a.succeeded() }, nil},
		{"it is given up", func(a *attempts) { a.failed(ended, context.Canceled) }, nil},
		{"its connection fails", func(a *attempts) { a.share(t.Context(), io.EOF) }, io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAttempts()
				if err := a.lock(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
				var waiting sync.WaitGroup
				for range 3 {
					waiting.Go(func() {
						err := a.lock(t.Context(), 0)
						if !errors.Is(err, tt.want) {
							t.Errorf("joined with %v, want %v", err, tt.want)
						}
						if err == nil {
							a.unlock()
						}
					})
				}
				synctest.Wait()
				tt.end(&a)
				a.unlock()
				waiting.Wait()
				if err := a.lock(t.Context(), a.failures.Load()); err != nil {
					t.Errorf("joined later with %v, want nil", err)
				}
			})
		})
	}
}

// TestWaitEnds wants who is waiting for the next attempt when its context ends
// to be told why there was none yet.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAttempts()
		a.failed(t.Context(), io.EOF)
		ctx, cancel := context.WithTimeout(t.Context(), minBackoff/2)
		defer cancel()
		if err := a.wait(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, io.EOF) {
			t.Errorf("wait = %v, want the deadline, and end of file", err)
		}
	})
}

// TestMutex wants nobody to wait for a mutex beyond their context.
func TestMutex(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	m := newMutex()
	if err := m.lock(ended); err != nil {
		t.Errorf("lock a free mutex = %v, want nil", err)
	}
	if err := m.lock(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("lock a taken mutex = %v, want canceled", err)
	}
	m.unlock()
	if err := m.lock(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDropEnds wants nobody to wait for ever to say that a connection has failed.
func TestDropEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(sas.ConnectionString{}, nil)
		if err := c.attempts.mu.lock(t.Context()); err != nil { // as who dials does
			t.Fatal(err)
		}
		const limit = time.Second
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		began := time.Now()
		if dropped := c.drop(ctx, new(connection)); dropped || time.Since(began) != limit {
			t.Errorf("drop = %t after %s, want false after %s", dropped, time.Since(began), limit)
		}
	})
}
