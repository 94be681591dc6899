package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// iotHubLimits are the rules of a device's queue on IoT Hub.
var iotHubLimits = rules{pending: 50, lock: time.Minute, ttl: time.Hour, deliveries: 10}

// testQueue is a queue of named messages that keeps book of how they end.
type testQueue struct {
	*Queue
	t *testing.T

	mu    sync.Mutex
	ended []string // "name Status", in order
}

func newTestQueue(t *testing.T, limits rules) *testQueue {
	q := &testQueue{t: t}
	q.Queue = newQueue(limits, func(e *entry, s Status) {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.ended = append(q.ended, e.Message.ID+" "+string(s))
	})
	return q
}

func newQueue(limits rules, finished finishedFunc) *Queue {
	return &Queue{rules: &limits, owner: finished, journal: noJournal{}, log: slog.New(slog.DiscardHandler)}
}

// finishedFunc is the owner of a queue that only hears how messages end.
type finishedFunc func(e *entry, s Status)

func (f finishedFunc) record(*entry, Status) *Record { return nil }

func (f finishedFunc) watched() bool { return true }

// happened reads what a mailbox does, for the race detector.
func (f finishedFunc) happened(_ EventKind, e *entry, _ string) { _, _ = e.Message.ID, e.Sequence }

func (f finishedFunc) finished(list []ending) {
	for _, x := range list {
		f(x.entry, x.status)
	}
}

// inBubble runs a test on a queue in fake time.
func inBubble(t *testing.T, limits rules, f func(t *testing.T, q *testQueue)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, newTestQueue(t, limits)) })
}

func named(name string) *Message { return &Message{ID: name} }

// put enqueues m with an expiry, the zero time for none.
func (q *testQueue) put(m *Message, expires time.Time) error {
	m.Expiry = expires
	return q.Put(m)
}

func (q *testQueue) mustPut(names ...string) {
	q.t.Helper()
	for _, name := range names {
		if err := q.put(named(name), time.Time{}); err != nil {
			q.t.Fatalf("put %s: %v", name, err)
		}
	}
}

// mustTake takes the message of the given name, delivered so many times before.
func (q *testQueue) mustTake(name string, deliveries int) LockToken {
	q.t.Helper()
	d, ok := q.Take()
	if !ok {
		q.t.Fatalf("nothing to take, want %s", name)
	}
	if got := d.Message.ID; got != name || d.DeliveryCount != deliveries {
		q.t.Fatalf("took %s, delivered %d times before, want %s, %d", got, d.DeliveryCount, name, deliveries)
	}
	return d.Token
}

func (q *testQueue) mustBeDry() {
	q.t.Helper()
	if d, ok := q.Take(); ok {
		q.t.Fatalf("took %s, want nothing", d.Message.ID)
	}
}

// mustSettle settles and checks the error.
func (q *testQueue) mustSettle(token LockToken, s Settlement, want error) {
	q.t.Helper()
	if err := q.Settle(token, s); !errors.Is(err, want) {
		q.t.Fatalf("settlement %d: error %v, want %v", s, err, want)
	}
}

// wantEnded checks how messages have ended since the last call.
func (q *testQueue) wantEnded(want ...string) {
	q.t.Helper()
	synctest.Wait() // for a timer that fires just now
	q.mu.Lock()
	defer q.mu.Unlock()
	if !slices.Equal(q.ended, want) {
		q.t.Fatalf("ended: %q, want %q", q.ended, want)
	}
	q.ended = nil
}

func (q *testQueue) wantPending(want int) {
	q.t.Helper()
	if got := q.Len(); got != want {
		q.t.Fatalf("%d messages pending, want %d", got, want)
	}
}

func names(from, to int) (list []string) {
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprint("m", i))
	}
	return list
}

func TestQueueIsFirstInFirstOut(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a", "b", "c")
		for _, name := range []string{"a", "b", "c"} {
			q.mustSettle(q.mustTake(name, 0), Complete, nil)
		}
		q.mustBeDry()
		q.wantEnded("a Success", "b Success", "c Success")
		q.wantPending(0)
	})
}

// TestQueueFull also checks that a delivered message takes up a place.
func TestQueueFull(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut(names(1, 50)...)
		full := func() {
			t.Helper()
			if err := q.put(named("surplus"), time.Time{}); !errors.Is(err, ErrQueueFull) {
				t.Fatalf("put the 51st: error %v, want %v", err, ErrQueueFull)
			}
		}
		full()
		first := q.mustTake("m1", 0)
		full()
		q.mustSettle(first, Release, nil)
		full()
		q.mustSettle(q.mustTake("m1", 0), Complete, nil)
		q.mustPut("m51")
		full()
		q.mustSettle(q.mustTake("m2", 0), Reject, nil)
		q.mustPut("m52")
		q.wantEnded("m1 Success", "m2 Rejected")
		// Expired messages make room by themselves.
		time.Sleep(time.Hour)
		q.mustPut("m53")
		q.wantPending(1)
	})
}

func TestQueueWithoutLimit(t *testing.T) {
	inBubble(t, rules{lock: time.Minute, ttl: time.Hour, deliveries: 10}, func(t *testing.T, q *testQueue) {
		q.mustPut(names(1, 200)...)
		q.wantPending(200)
	})
}

func TestQueueSequenceAndTime(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		start := time.Now()
		q.mustPut("a")
		time.Sleep(time.Second)
		q.mustPut("b")
		first, _ := q.Take()
		token := q.mustTake("b", 0)
		q.mustSettle(token, Abandon, nil)
		second, _ := q.Take()
		if first.Sequence != 1 || second.Sequence != 2 {
			t.Errorf("sequence numbers %d, %d, want 1, 2", first.Sequence, second.Sequence)
		}
		if !first.Enqueued.Equal(start) || !second.Enqueued.Equal(start.Add(time.Second)) {
			t.Errorf("enqueued at %v, %v, want %v and one second later", first.Enqueued, second.Enqueued, start)
		}
	})
}

func TestQueueOldTokens(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a")
		for _, s := range []Settlement{Complete, Abandon, Reject, Release} {
			q.mustSettle(LockToken{1}, s, ErrLockLost)
		}
		old := q.mustTake("a", 0)
		q.mustSettle(old, Abandon, nil)
		q.mustSettle(old, Complete, ErrLockLost)
		current := q.mustTake("a", 1)
		if current == old {
			t.Error("two deliveries have the same token")
		}
		q.mustSettle(old, Complete, ErrLockLost)
		q.mustSettle(current, Complete, nil)
		q.mustSettle(current, Complete, ErrLockLost)
		q.wantEnded("a Success")
	})
}

func TestQueuePurge(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a", "b", "c", "d")
		first, second := q.mustTake("a", 0), q.mustTake("b", 0)
		q.mustSettle(second, Complete, nil)
		q.wantEnded("b Success")
		if n, _ := q.Purge(); n != 3 {
			t.Errorf("%d purged, want 3", n)
		}
		q.wantEnded("a Purged", "c Purged", "d Purged")
		q.mustSettle(first, Complete, ErrLockLost)
		q.mustBeDry()
		if n, _ := q.Purge(); n != 0 {
			t.Errorf("%d purged, want 0", n)
		}
		q.mustPut("e")
		time.Sleep(2 * time.Hour) // nothing of the purged is left to expire
		q.wantEnded("e Expired")
	})
}

func TestQueueCloseStopsTheClock(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a", "b")
		q.mustTake("a", 0)
		q.close()
		time.Sleep(3 * time.Hour)
		q.wantEnded()
		q.mustBeDry()
	})
}

func TestStatusesAreSpelledAsInFeedback(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(StatusSuccess, StatusExpired, StatusDeliveryCountExceeded, StatusRejected, StatusPurged)
	if want := "SuccessExpiredDeliveryCountExceededRejectedPurged"; strings.ReplaceAll(got, " ", "") != want {
		t.Errorf("statuses %s, want %s", got, want)
	}
}
