package iothub

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// attempts are those to make something that many operations need: a connection,
// or a link. There is one at a time, and while they fail there is ever more time
// between two, however many operations wait. Who waits for one that fails shares
// its error, rather than ask for the same again.
type attempts struct {
	gate     gate         // to make one
	failures atomic.Int64 // so far

	// Guarded by the gate.
	err  error     // of the last; nil if it succeeded
	made time.Time // when it did; zero if what it made is lost
	n    int       // the number of the last, since what was made has lasted
	next time.Time // the next is not made before
}

func newAttempts() attempts { return attempts{gate: newGate()} }

// join passes the gate, unless the last attempt has failed and is not among
// those that failed before: then it returns that one's error.
func (a *attempts) join(ctx context.Context, before int64) error {
	if err := a.gate.enter(ctx); err != nil {
		return err
	}
	if a.failures.Load() == before || a.err == nil {
		return nil
	}
	defer a.gate.leave()
	return a.err
}

// wait waits until it is time for the next attempt.
func (a *attempts) wait(ctx context.Context) error {
	if !pause(ctx, time.Until(a.next)) {
		return ended(ctx, a.err)
	}
	return nil
}

// succeeded notes that what was to be made is there.
func (a *attempts) succeeded() { a.err, a.made = nil, time.Now() }

// failed notes that an attempt, made for an operation with ctx, did not succeed.
func (a *attempts) failed(ctx context.Context, err error) {
	a.slower(2) // asking at once is of no use
	a.share(ctx, err)
}

// share gives err to those who wait. An operation that was given up keeps its
// error to itself: it says nothing about theirs.
func (a *attempts) share(ctx context.Context, err error) {
	if ctx.Err() == nil {
		a.err = err
		a.failures.Add(1)
	}
}

// lost notes that what was made is gone.
func (a *attempts) lost() { a.slower(1) }

// stable is how long something must have lasted for its end to count as a new
// fault, which is answered at once, and not as the last one going on.
const stable = 10 * time.Second

// slower plans the next attempt: number n, unless it must be a later one.
func (a *attempts) slower(n int) {
	if !a.made.IsZero() && time.Since(a.made) > stable {
		a.n = 0
	}
	a.made = time.Time{}
	a.n = max(a.n+1, n)
	a.next = time.Now().Add(backoff(a.n, rand.Float64())) //nolint:gosec // it only spreads the load
}

// The bounds of the time between two attempts. Source: the exponential back-off
// of the C# and Java SDKs, 100 ms to 10 s.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
)

// backoff returns how long to wait before attempt number n, counting from 1.
// The first is made at once, since most faults are over by then; later ones
// wait twice as long each time, varied by random (0 to 1) by a quarter either
// way so that many clients do not come back in step.
func backoff(n int, random float64) time.Duration {
	if n <= 1 {
		return 0
	}
	const most = 1.25 // times the wait
	wait := min(float64(minBackoff)*math.Pow(2, float64(n-2)), float64(maxBackoff)/most)
	return time.Duration(wait * (0.75 + random/2))
}

// pause waits for d, and reports whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
