package iothub

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// attempts are the attempts to make something that many operations need: a
// connection, or a link. Only one attempt runs at a time. While attempts fail,
// the time between two grows, however many operations wait. An operation that
// has waited for another's attempt, which failed, returns that error and makes
// no attempt of its own.
type attempts struct {
	mu       mutex        // held during an attempt
	failures atomic.Int64 // so far

	// Guarded by mu.
	err    error     // of the last attempt; nil if it succeeded
	made   time.Time // when it succeeded; zero if what it made is lost
	number int       // of the last attempt, since what was made has lasted
	next   time.Time // the next attempt is not made before
}

func newAttempts() attempts { return attempts{mu: newMutex()} }

// lock lets the caller make an attempt. If the last attempt has failed, and is
// not among the failures that the caller knows of, it returns that one's error
// instead, and mu is not held.
func (a *attempts) lock(ctx context.Context, known int64) error {
	if err := a.mu.lock(ctx); err != nil {
		return err
	}
	if a.failures.Load() == known || a.err == nil {
		return nil
	}
	defer a.unlock()
	return a.err
}

func (a *attempts) unlock() { a.mu.unlock() }

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
	a.postpone(2) // asking again at once is of no use
	a.share(ctx, err)
}

// share gives err to those who wait. If ctx has ended, err is about the
// operation that made the attempt, and of no use to others.
func (a *attempts) share(ctx context.Context, err error) {
	if ctx.Err() == nil {
		a.err = err
		a.failures.Add(1)
	}
}

// lost notes that what was made is gone.
func (a *attempts) lost() { a.postpone(1) }

// stableAfter is how long something must have lasted for its end to count as a
// new fault, which is answered at once. Before that it counts as the same fault
// going on.
const stableAfter = 10 * time.Second

// postpone plans the next attempt: the one after the last, and not before
// attempt number least.
func (a *attempts) postpone(least int) {
	if !a.made.IsZero() && time.Since(a.made) > stableAfter {
		a.number = 0
	}
	a.made = time.Time{}
	a.number = max(a.number+1, least)
	a.next = time.Now().Add(backoff(a.number, rand.Float64())) //nolint:gosec // it only spreads the load
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
