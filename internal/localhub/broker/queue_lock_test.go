package broker

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestLockRunsOutExactly(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		var woken []time.Duration
		start := time.Now()
		defer q.Subscribe(func() { woken = append(woken, time.Since(start)) })()
		q.mustPut("a", "b")
		token := q.mustTake("a", 0)
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		if len(woken) != 2 {
			t.Fatalf("woken at %v before the lock ran out, want by the two puts only", woken)
		}
		second := q.mustTake("b", 0)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if len(woken) != 3 || woken[2] != time.Minute {
			t.Fatalf("woken at %v, want a third time at 1m", woken)
		}
		q.mustSettle(token, Complete, ErrLockLost)
		// The message is back, in front, and the delivery was not counted.
		q.mustSettle(second, Release, nil)
		q.mustTake("a", 0)
		q.mustTake("b", 0)
		q.wantEnded()
	})
}

// TestLockIsGoodToTheLast checks the instant before the limit.
func TestLockIsGoodToTheLast(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a")
		token := q.mustTake("a", 0)
		time.Sleep(time.Minute - time.Nanosecond)
		q.mustSettle(token, Complete, nil)
		q.wantEnded("a Success")
	})
}

func TestReturnedMessagesKeepTheirOrder(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a", "b", "c", "d", "e")
		a, b, c, d := q.mustTake("a", 0), q.mustTake("b", 0), q.mustTake("c", 0), q.mustTake("d", 0)
		q.mustSettle(d, Abandon, nil)
		q.mustSettle(b, Release, nil)
		q.mustSettle(a, Abandon, nil)
		q.mustTake("a", 1)
		q.mustSettle(c, Abandon, nil)
		q.mustTake("b", 0)
		q.mustTake("c", 1)
		q.mustTake("d", 1)
		q.mustTake("e", 0)
		time.Sleep(time.Minute) // all locks run out at once
		for i, name := range []string{"a", "b", "c", "d", "e"} {
			q.mustTake(name, []int{1, 0, 1, 1, 0}[i])
		}
	})
}

func TestTenthAbandonDeadLetters(t *testing.T) {
	for _, limit := range []int{1, 2, 10, 100} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			limits := iotHubLimits
			limits.deliveries = limit
			inBubble(t, limits, func(t *testing.T, q *testQueue) {
				q.mustPut("a", "b")
				for i := range limit {
					q.wantEnded()
					q.mustSettle(q.mustTake("a", i), Abandon, nil)
				}
				q.wantEnded("a DeliveryCountExceeded")
				q.mustTake("b", 0)
			})
		})
	}
}

func TestLostLocksDoNotCount(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a")
		for range 30 {
			q.mustTake("a", 0)
			time.Sleep(time.Minute)
		}
		q.wantEnded()
		q.mustSettle(q.mustTake("a", 0), Abandon, nil)
		q.mustTake("a", 1)
	})
}

func TestLostLocksCountIfAsked(t *testing.T) {
	limits := iotHubLimits
	limits.countLostLocks = true
	inBubble(t, limits, func(t *testing.T, q *testQueue) {
		q.mustPut("a")
		for i := range 5 {
			q.mustTake("a", 2*i)
			time.Sleep(time.Minute)
			token := q.mustTake("a", 2*i+1)
			q.wantEnded()
			q.mustSettle(token, Abandon, nil)
		}
		q.wantEnded("a DeliveryCountExceeded")
		q.mustBeDry()
	})
}

func TestReleaseDoesNotCount(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a")
		for range 30 {
			q.mustSettle(q.mustTake("a", 0), Release, nil)
		}
		q.wantEnded()
		q.wantPending(1)
	})
}

func TestReject(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a", "b")
		q.mustSettle(q.mustTake("a", 0), Reject, nil)
		q.wantEnded("a Rejected")
		q.mustTake("b", 0)
	})
}

// TestTokensLookRandom checks that tokens do not repeat: they are the only
// name of a delivery.
func TestTokensLookRandom(t *testing.T) {
	t.Parallel()
	seen := make(map[LockToken]bool)
	for range 10_000 {
		seen[newLockToken()] = true
	}
	if len(seen) != 10_000 {
		t.Errorf("%d different tokens of 10000", len(seen))
	}
}

// TestReturnedInOrder checks what the owner hears of deliveries that end without
// a settlement.
func TestReturnedInOrder(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		var told []string
		q.owner = &listener{finishedFunc(func(*entry, Status) {}), func(e *entry, why string) {
			q.mu.Lock()
			defer q.mu.Unlock()
			told = append(told, e.Message.ID+" "+why)
		}}
		q.mustPut(names(1, 9)...)
		var tokens []LockToken
		for i := range 9 {
			tokens = append(tokens, q.mustTake(fmt.Sprint("m", i+1), 0))
		}
		q.Release([]LockToken{tokens[2], tokens[0], tokens[1]})
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []string{
			"m1 released", "m2 released", "m3 released",
			"m4 lock lost", "m5 lock lost", "m6 lock lost", "m7 lock lost", "m8 lock lost", "m9 lock lost",
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

type listener struct {
	owner
	back func(e *entry, why string)
}

func (l *listener) happened(kind EventKind, e *entry, why string) {
	if kind == EventReturned {
		l.back(e, why)
	}
}
