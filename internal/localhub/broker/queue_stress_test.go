package broker

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestNoLostWake has many senders and receivers at one queue, where a receiver
// only looks when it is woken. In the bubble a lost wake is a deadlock, which
// fails the test.
func TestNoLostWake(t *testing.T) {
	t.Parallel()
	for round := range 20 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { stress(t, noJournal{}) })
		})
		t.Run(fmt.Sprint(round, ", kept"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { stress(t, &elsewhere{late{memory: newMemory()}}) })
		})
	}
}

// elsewhere is a journal that answers from another goroutine.
type elsewhere struct{ late }

func (e *elsewhere) Commit(changes []Change, done func(error)) {
	e.late.Commit(changes, done)
	go e.answer(1)
}

func stress(t *testing.T, journal Journal) {
	const senders, each, receivers = 4, 100, 4
	var ended atomic.Int64
	done := make(chan struct{})
	var once [senders * each]atomic.Int32
	q := newQueue(rules{lock: time.Minute, ttl: time.Hour, deliveries: 1000}, func(e *entry, s Status) {
		if s != StatusSuccess || once[e.Sequence-1].Add(1) != 1 {
			t.Errorf("message %d ended more than once, or with %s", e.Sequence, s)
		}
		if ended.Add(1) == senders*each {
			close(done)
		}
	})
	q.journal = journal
	var all sync.WaitGroup
	for range receivers {
		all.Go(func() { receiveWhenWoken(q, done) })
	}
	for s := range senders {
		all.Go(func() {
			for i := range each {
				if err := q.Put(named(fmt.Sprint(s, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := q.Len(); n != 0 {
		t.Errorf("%d messages left", n)
	}
}

// receiveWhenWoken completes messages, gives some back, and forgets some. Now
// and then it vanishes with what it holds, and another takes its place.
func receiveWhenWoken(q *Queue, done <-chan struct{}) {
	for n := 0; ; {
		wake := make(chan struct{}, 1)
		wake <- struct{}{} // there may be something already
		cancel := q.Subscribe(func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		})
		for life := 0; life < 50; life++ {
			select {
			case <-wake:
			case <-done:
				cancel()
				return
			}
			for {
				d, ok := q.Take()
				if !ok {
					break
				}
				switch n++; n % 7 {
				case 0:
					_ = q.Settle(d.Token, Abandon)
				case 1:
					_ = q.Settle(d.Token, Release)
				case 2: // forgotten: its lock runs out
				default:
					_ = q.Settle(d.Token, Complete)
				}
			}
		}
		cancel()
	}
}

// TestOneTakerEach checks that of many competing takers each message goes to
// one.
func TestOneTakerEach(t *testing.T) {
	inBubble(t, rules{lock: time.Minute, ttl: time.Hour, deliveries: 10}, func(t *testing.T, q *testQueue) {
		const n = 1000
		q.mustPut(names(1, n)...)
		var takers sync.WaitGroup
		var taken [n]atomic.Int32
		for range 8 {
			takers.Go(func() {
				for {
					d, ok := q.Take()
					if !ok {
						return
					}
					taken[d.Sequence-1].Add(1)
				}
			})
		}
		takers.Wait()
		for i := range taken {
			if got := taken[i].Load(); got != 1 {
				t.Errorf("message %d was taken %d times", i+1, got)
			}
		}
		// The takers have vanished; nothing is lost.
		time.Sleep(time.Minute)
		for _, name := range names(1, n) {
			q.mustTake(name, 0)
		}
	})
}

// TestCancelledSubscription checks that a wake does not come after cancel.
func TestCancelledSubscription(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		var first, second int
		cancel := q.Subscribe(func() { first++ })
		defer q.Subscribe(func() { second++ })()
		q.mustPut("a")
		cancel()
		q.mustPut("b")
		if first != 1 || second != 2 {
			t.Errorf("woken %d and %d times, want 1 and 2", first, second)
		}
	})
}
