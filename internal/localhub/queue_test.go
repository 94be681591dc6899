package localhub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// iotHubLimits are the rules of a device's queue on IoT Hub.
var iotHubLimits = queueLimits{pending: 50, lock: time.Minute, ttl: time.Hour, deliveries: 10}

// testQueue is a queue of named messages that keeps book of how they end.
type testQueue struct {
	*queue
	t *testing.T

	mu    sync.Mutex
	ended []string // "name status", in order
}

func newTestQueue(t *testing.T, limits queueLimits) *testQueue {
	q := &testQueue{t: t}
	q.queue = newQueue(limits, func(e *entry, s status) {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.ended = append(q.ended, messageID(e.message)+" "+string(s))
	})
	return q
}

// inBubble runs a test on a queue in fake time.
func inBubble(t *testing.T, limits queueLimits, f func(t *testing.T, q *testQueue)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, newTestQueue(t, limits)) })
}

func named(name string) *amqpwire.Message {
	return &amqpwire.Message{Properties: &amqpwire.Properties{MessageID: name}}
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
func (q *testQueue) mustTake(name string, deliveries int) lockToken {
	q.t.Helper()
	e, token, ok := q.take()
	if !ok {
		q.t.Fatalf("nothing to take, want %s", name)
	}
	if got := messageID(e.message); got != name || e.deliveryCount != deliveries {
		q.t.Fatalf("took %s, delivered %d times before, want %s, %d", got, e.deliveryCount, name, deliveries)
	}
	return token
}

func (q *testQueue) mustBeDry() {
	q.t.Helper()
	if e, _, ok := q.take(); ok {
		q.t.Fatalf("took %s, want nothing", messageID(e.message))
	}
}

// mustSettle settles and checks the error.
func (q *testQueue) mustSettle(token lockToken, s settlement, want error) {
	q.t.Helper()
	if err := q.settle(token, s); !errors.Is(err, want) {
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
	if got := q.pending(); got != want {
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
			q.mustSettle(q.mustTake(name, 0), complete, nil)
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
			if err := q.put(named("surplus"), time.Time{}); !errors.Is(err, errQueueFull) {
				t.Fatalf("put the 51st: error %v, want %v", err, errQueueFull)
			}
		}
		full()
		first := q.mustTake("m1", 0)
		full()
		q.mustSettle(first, release, nil)
		full()
		q.mustSettle(q.mustTake("m1", 0), complete, nil)
		q.mustPut("m51")
		full()
		q.mustSettle(q.mustTake("m2", 0), reject, nil)
		q.mustPut("m52")
		q.wantEnded("m1 Success", "m2 Rejected")
		// Expired messages make room by themselves.
		time.Sleep(time.Hour)
		q.mustPut("m53")
		q.wantPending(1)
	})
}

func TestQueueWithoutLimit(t *testing.T) {
	inBubble(t, queueLimits{lock: time.Minute, ttl: time.Hour, deliveries: 10}, func(t *testing.T, q *testQueue) {
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
		first, _, _ := q.take()
		token := q.mustTake("b", 0)
		q.mustSettle(token, abandon, nil)
		second, _, _ := q.take()
		if first.sequence != 1 || second.sequence != 2 {
			t.Errorf("sequence numbers %d, %d, want 1, 2", first.sequence, second.sequence)
		}
		if !first.enqueued.Equal(start) || !second.enqueued.Equal(start.Add(time.Second)) {
			t.Errorf("enqueued at %v, %v, want %v and one second later", first.enqueued, second.enqueued, start)
		}
	})
}

func TestQueueOldTokens(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a")
		for _, s := range []settlement{complete, abandon, reject, release} {
			q.mustSettle(lockToken{1}, s, errLockLost)
		}
		old := q.mustTake("a", 0)
		q.mustSettle(old, abandon, nil)
		q.mustSettle(old, complete, errLockLost)
		current := q.mustTake("a", 1)
		if current == old {
			t.Error("two deliveries have the same token")
		}
		q.mustSettle(old, complete, errLockLost)
		q.mustSettle(current, complete, nil)
		q.mustSettle(current, complete, errLockLost)
		q.wantEnded("a Success")
	})
}

func TestQueuePurge(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a", "b", "c", "d")
		first, second := q.mustTake("a", 0), q.mustTake("b", 0)
		q.mustSettle(second, complete, nil)
		q.wantEnded("b Success")
		if n := q.purge(); n != 3 {
			t.Errorf("%d purged, want 3", n)
		}
		q.wantEnded("a Purged", "c Purged", "d Purged")
		q.mustSettle(first, complete, errLockLost)
		q.mustBeDry()
		if n := q.purge(); n != 0 {
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
	got := fmt.Sprint(statusSuccess, statusExpired, statusDeliveryCountExceeded, statusRejected, statusPurged)
	if want := "SuccessExpiredDeliveryCountExceededRejectedPurged"; strings.ReplaceAll(got, " ", "") != want {
		t.Errorf("statuses %s, want %s", got, want)
	}
}
