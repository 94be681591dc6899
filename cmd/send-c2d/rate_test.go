package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/console"
)

// TestRate wants messages to go at the rate, also at one that timers cannot keep, and
// a delay to be made good by a little only.
func TestRate(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{0.5, 1.6, 83, 5000, 100_000} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRate(perSecond)
				began := time.Now()
				n := 1000
				for range n {
					r.wait(t.Context())
				}
				want := r.interval(n - 1)
				if took := time.Since(began); took < want-time.Millisecond || took > want+time.Millisecond {
					t.Errorf("%d messages took %s, want %s", n, took, want)
				}
				time.Sleep(time.Hour)
				began = time.Now()
				for range n {
					r.wait(t.Context())
				}
				if took := time.Since(began); took < want-2*catchUp {
					t.Errorf("after an hour, %d messages took %s, want %s or a little less", n, took, want)
				}
			})
		})
	}
}

// TestRateIsShared wants several senders to keep the rate together.
func TestRateIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRate(10)
		began := time.Now()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { r.wait(t.Context()) })
		}
		all.Wait()
		if took := time.Since(began); took != 1900*time.Millisecond {
			t.Errorf("20 messages took %s, want 1.9s", took)
		}
	})
}

// TestSendsAtTheRate wants a run with --rate to say how long it takes, and to take it.
func TestSendsAtTheRate(t *testing.T) {
	withHub(t, func(_ *fakeHub, m sentMessage) amqpOutcome { return accept(m) }, func(t *testing.T, h *fakeHub) {
		r := &tool{dial: h.dial}
		began := time.Now()
		code := r.run(t.Context(), "-d", "one", "-d", "two", "--no-wait", "--count", "4", "--rate", "1.6", "hello")
		r.wantCode(t, code, 0)
		r.wantLines(t, "At 1.6 messages per second, 8 messages take about 4.38s.", "8 sent.")
		if took := time.Since(began).Round(10 * time.Millisecond); took != 4380*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

// TestThrottlingIsToldOnce sends to a hub that takes 5 messages a second and refuses
// the others: all arrive, one note says why it takes long, and one how long.
func TestThrottlingIsToldOnce(t *testing.T) {
	for _, condition := range []amqpwire.Symbol{"com.microsoft:device-container-throttled", "com.microsoft:server-busy"} {
		t.Run(string(condition), func(t *testing.T) { keepPace(t, condition) })
	}
}

func keepPace(t *testing.T, condition amqpwire.Symbol) {
	var mu sync.Mutex
	var taken int
	began := time.Time{}
	answer := func(_ *fakeHub, m sentMessage) amqpOutcome {
		mu.Lock()
		defer mu.Unlock()
		if began.IsZero() {
			began = time.Now()
		}
		if taken >= 20+int(5*time.Since(began).Seconds()) {
			return reject(condition)
		}
		taken++
		return accept(m)
	}
	withHub(t, answer, func(t *testing.T, h *fakeHub) {
		r := &tool{dial: h.dial}
		started := time.Now()
		code := r.run(t.Context(), "-d", "d", "--no-wait", "--count", "300", "--in-flight", "16", "hello")
		r.wantCode(t, code, 0)
		r.wantLines(t, "300 sent", "("+string(condition)+": The reason.): going on at its pace.")
		text := r.err.String()
		if strings.Count(text, "going on at its pace") != 1 || strings.Count(text, "The hub takes about ") != 1 || strings.Contains(text, "Waiting for") {
			t.Errorf("notes:\n%s", text)
		}
		if took := time.Since(started); took < 50*time.Second || took > 2*time.Minute {
			t.Errorf("it took %s, want a minute", took)
		}
	})
}

// TestTimeLeft wants the time to be told from what the hub has taken since it asked for
// less, as soon as that can be known.
func TestTimeLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out, errs buffer
		r := newReport(&console.Console{Out: &out, Err: &errs})
		r.plan(500, nil)
		send := func(n int, every time.Duration) {
			for range n {
				time.Sleep(every)
				if err := r.sent(sentEvent{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		send(100, 0)
		r.throttled(errBusyHub)
		send(20, 600*time.Millisecond)
		const want = "The hub takes about 1.67 messages per second: the other 383 messages need about 3m50s."
		if got := errs.String(); strings.Count(got, want) != 1 {
			t.Errorf("notes:\n%s\nwant %q", got, want)
		}
		if got := r.progress(0); !strings.Contains(got, "120 of 500, ") || !strings.Contains(got, ", about 3m48s left") {
			t.Errorf("progress %q", got)
		}
	})
}

var errBusyHub = errors.New("busy")

// TestTimeOfLastMessage wants one message to be told of as one.
func TestTimeOfLastMessage(t *testing.T) {
	t.Parallel()
	var errs buffer
	r := newReport(&console.Console{Out: new(buffer), Err: &errs})
	r.estimate.planned, r.estimate.rate = 1, &rate{perSecond: 0.5}
	r.tellTime()
	const want = "The hub takes about 0.5 messages per second: the last message needs about 2s."
	if got := errs.String(); !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAbsurdSpans wants a run that no one will see the end of to take as long as a
// duration can be, and not less than no time.
func TestAbsurdSpans(t *testing.T) {
	t.Parallel()
	slow := newRate(0.001)
	for _, tt := range []struct {
		n    int
		want time.Duration
	}{
		{0, 0},
		{1, 1000 * time.Second},
		{9_000_000, 9_000_000_000 * time.Second},
		{10_000_000, math.MaxInt64},
		{math.MaxInt, math.MaxInt64},
	} {
		if got := slow.interval(tt.n); got != tt.want {
			t.Errorf("%d messages take %s, want %s", tt.n, got, tt.want)
		}
	}
	s := source{devices: []string{"a", "b", "c"}, input: input{planned: math.MaxInt / 2}}
	if got := s.planned(); got != math.MaxInt {
		t.Errorf("%d messages are planned, want as many as can be counted", got)
	}
}
