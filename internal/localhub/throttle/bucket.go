package throttle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// MaxWait is the longest that a turn is waited for. Clients give up an operation
// after 30 s or a minute.
const MaxWait = 10 * time.Second

// ErrFull is the error of [Bucket.Wait] when too much waits already.
var ErrFull = errors.New("throttled")

// Bucket limits how often one thing is done. Any goroutine may use it. What waits is
// with those who wait: a bucket holds nothing of it.
type Bucket struct {
	what     string
	figure   int // in each period
	period   time.Duration
	interval time.Duration // between two in the long run

	mu   sync.Mutex
	next time.Time // when the next has its turn if there is no burst
}

// NewBucket returns a bucket for so many things in each period, a second or a minute.
func NewBucket(figure int, what string, period time.Duration) *Bucket {
	return &Bucket{what: what, figure: figure, period: period, interval: period / time.Duration(figure)}
}

// Take takes the next turn, and returns how long that is to be waited for. It is not
// ok if there is none within [MaxWait]: then no turn is taken. Later calls get later
// turns.
func (b *Bucket) Take() (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.next.Before(now) {
		b.next = now
	}
	wait = b.next.Sub(now) - (b.period - b.interval)
	if wait > MaxWait {
		return 0, false
	}
	b.next = b.next.Add(b.interval)
	return max(wait, 0), true
}

// Wait takes the next turn and waits for it. The error is [ErrFull], or that of ctx.
func (b *Bucket) Wait(ctx context.Context) error {
	wait, ok := b.Take()
	switch {
	case !ok:
		return ErrFull
	case wait == 0:
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// String returns the limit in words, such as "100 C2D sends per minute".
func (b *Bucket) String() string {
	if b.period == time.Second {
		return fmt.Sprintf("%d %s per second", b.figure, b.what)
	}
	return fmt.Sprintf("%d %s per minute", b.figure, b.what)
}
