package broker

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDefaultTimeToLive(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut("a")
		time.Sleep(time.Hour - time.Nanosecond)
		q.wantEnded()
		time.Sleep(time.Nanosecond)
		q.wantEnded("a Expired") // though nobody asks the queue for anything
		q.mustBeDry()
	})
}

func TestAbsoluteExpiry(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		now := time.Now()
		for name, life := range map[string]time.Duration{"short": time.Second, "long": 48 * time.Hour} {
			if err := q.put(named(name), now.Add(life)); err != nil {
				t.Fatal(err)
			}
		}
		q.mustPut("default")
		time.Sleep(time.Second - time.Nanosecond)
		q.wantEnded()
		time.Sleep(time.Nanosecond)
		q.wantEnded("short Expired")
		time.Sleep(time.Hour)
		q.wantEnded("default Expired")
		time.Sleep(47*time.Hour - time.Second - time.Nanosecond)
		q.wantEnded()
		time.Sleep(time.Nanosecond)
		q.wantEnded("long Expired")
	})
}

// TestPutAfterExpiry checks a message that was late already: it is never
// delivered.
func TestPutAfterExpiry(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		if err := q.put(named("late"), time.Now()); err != nil {
			t.Fatal(err)
		}
		q.mustBeDry()
		q.wantEnded("late Expired")
	})
}

// TestExpiryWhileLocked checks each end of a delivery that has outlived its
// message.
func TestExpiryWhileLocked(t *testing.T) {
	for _, test := range []struct {
		name string
		end  Settlement
		want error
		how  string
	}{
		{"complete", Complete, ErrLockLost, "a Expired"},
		{"abandon", Abandon, nil, "a Expired"},
		{"release", Release, nil, "a Expired"},
		{"reject", Reject, nil, "a Rejected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
				if err := q.put(named("a"), time.Now().Add(30*time.Second)); err != nil {
					t.Fatal(err)
				}
				token := q.mustTake("a", 0)
				time.Sleep(30 * time.Second)
				q.wantEnded() // not before its receiver lets go
				q.wantPending(1)
				q.mustSettle(token, test.end, test.want)
				q.wantEnded(test.how)
				q.mustBeDry()
			})
		})
	}
	t.Run("lock", func(t *testing.T) {
		inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
			if err := q.put(named("a"), time.Now().Add(30*time.Second)); err != nil {
				t.Fatal(err)
			}
			token := q.mustTake("a", 0)
			time.Sleep(time.Minute - time.Nanosecond)
			q.wantEnded()
			time.Sleep(time.Nanosecond)
			q.wantEnded("a Expired")
			q.mustSettle(token, Complete, ErrLockLost)
		})
	})
	t.Run("complete in time", func(t *testing.T) {
		inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
			if err := q.put(named("a"), time.Now().Add(30*time.Second)); err != nil {
				t.Fatal(err)
			}
			token := q.mustTake("a", 0)
			time.Sleep(30*time.Second - time.Nanosecond)
			q.mustSettle(token, Complete, nil)
			q.wantEnded("a Success")
		})
	})
}

// TestExpiryOfReturnedMessage is a regression test: a message that another's
// timer passed by while it was locked, and that then came back, was delivered
// after its expiry.
func TestExpiryOfReturnedMessage(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		start := time.Now()
		if err := q.put(named("a"), start.Add(100*time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := q.put(named("b"), start.Add(60*time.Second)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		token := q.mustTake("a", 0) // until 110 s
		time.Sleep(10 * time.Second)
		q.wantEnded("b Expired") // the timer is set anew: 110 s
		time.Sleep(10 * time.Second)
		q.mustSettle(token, Abandon, nil)
		time.Sleep(30*time.Second - time.Nanosecond)
		q.wantEnded()
		time.Sleep(time.Nanosecond)
		q.wantEnded("a Expired")
		q.mustBeDry()
	})
}

// TestManyExpireInOrder checks that messages that end together are reported in
// the order of the queue.
func TestManyExpireInOrder(t *testing.T) {
	inBubble(t, iotHubLimits, func(t *testing.T, q *testQueue) {
		q.mustPut(names(1, 8)...)
		q.mustTake("m1", 0)
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		q.mustTake("m1", 0)
		q.mustTake("m2", 0) // locked until the very moment of its expiry
		time.Sleep(time.Minute)
		q.wantEnded("m1 Expired", "m2 Expired", "m3 Expired", "m4 Expired",
			"m5 Expired", "m6 Expired", "m7 Expired", "m8 Expired")
	})
}
