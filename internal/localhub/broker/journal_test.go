package broker

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"
)

// onJournal runs a test on a queue in fake time that a journal keeps.
func onJournal(t *testing.T, limits rules, f func(t *testing.T, q *testQueue, m *memory)) {
	t.Helper()
	inBubble(t, limits, func(t *testing.T, q *testQueue) {
		m := newMemory()
		q.name, q.journal = "q", m
		f(t, q, m)
	})
}

// wantKept compares the journal with the queue.
func (q *testQueue) wantKept(m *memory) {
	q.t.Helper()
	want := make(map[uint64]Entry)
	q.Queue.mu.Lock()
	for _, e := range q.all() {
		want[e.Sequence] = e.Entry
	}
	q.Queue.mu.Unlock()
	if got := locked(m, func() map[uint64]Entry { return maps.Clone(m.entries["q"]) }); !maps.Equal(got, want) {
		q.t.Fatalf("kept %v, want %v", got, want)
	}
}

// TestEachStepIsOneCommit counts commits: a kill between two could bring a message
// back whose deliveries are used up, or end it with no feedback.
func TestEachStepIsOneCommit(t *testing.T) {
	limits := iotHubLimits
	limits.deliveries = 2
	onJournal(t, limits, func(t *testing.T, q *testQueue, m *memory) {
		var token LockToken
		for _, step := range []struct {
			name string
			want int
			do   func()
		}{
			{"put", 1, func() { q.mustPut("a") }},
			{"take", 0, func() { token = q.mustTake("a", 0) }},
			{"abandon", 1, func() { q.mustSettle(token, Abandon, nil) }},
			{"take again", 0, func() { token = q.mustTake("a", 1) }},
			{"release", 0, func() { q.mustSettle(token, Release, nil) }},
			{"take once more", 0, func() { token = q.mustTake("a", 1) }},
			{"lost lock", 0, func() { time.Sleep(time.Minute) }},
			{"take the last time", 0, func() { token = q.mustTake("a", 1) }},
			{"last abandon", 1, func() { q.mustSettle(token, Abandon, nil) }},
			{"put more", 20, func() { q.mustPut(names(1, 20)...) }},
			{"complete", 1, func() { q.mustSettle(q.mustTake("m1", 0), Complete, nil) }},
			{"reject", 1, func() { q.mustSettle(q.mustTake("m2", 0), Reject, nil) }},
			{"expiry of 18", 1, func() { time.Sleep(time.Hour) }},
			{"put even more", 20, func() { q.mustPut(names(1, 20)...) }},
			{"purge", 1, func() { _, _ = q.Purge() }},
			{"look", 0, func() { q.Empty(); q.Len(); q.mustBeDry() }},
			{"unknown token", 0, func() { q.mustSettle(token, Complete, ErrLockLost) }},
		} {
			if got := m.counted(step.do); got != step.want {
				t.Errorf("%s: %d commits, want %d", step.name, got, step.want)
			}
			q.wantKept(m)
		}
	})
}

// TestExpiryAndPutAreOneCommit checks a step in which something was due.
func TestExpiryAndPutAreOneCommit(t *testing.T) {
	onJournal(t, iotHubLimits, func(t *testing.T, q *testQueue, m *memory) {
		if err := q.put(named("late"), time.Now()); err != nil {
			t.Fatal(err)
		}
		if n := m.counted(func() { q.mustPut("a") }); n != 1 {
			t.Errorf("%d commits, want 1", n)
		}
		q.wantEnded("late Expired")
		q.wantKept(m)
	})
}

// TestFailedPut checks that a message which cannot be kept is not in the queue.
func TestFailedPut(t *testing.T) {
	onJournal(t, iotHubLimits, func(t *testing.T, q *testQueue, m *memory) {
		woken := false
		defer q.Subscribe(func() { woken = true })()
		m.setFail(always)
		if err := q.Put(named("lost")); !errors.Is(err, errDisk) {
			t.Errorf("put: %v, want %v", err, errDisk)
		}
		q.mustBeDry()
		if woken {
			t.Error("a receiver was woken")
		}
		m.setFail(nil)
		q.mustPut("a")
		if d, _ := q.Take(); d.Sequence != 1 {
			t.Errorf("sequence number %d, want 1: the first was not used", d.Sequence)
		}
		q.wantKept(m)
		q.wantEnded()
	})
}

// TestFailedSettlement checks that a settlement which cannot be kept is not made:
// the receiver may try again, or the message comes back.
func TestFailedSettlement(t *testing.T) {
	for name, how := range map[string]Settlement{"complete": Complete, "reject": Reject, "abandon": Abandon} {
		t.Run(name, func(t *testing.T) {
			onJournal(t, iotHubLimits, func(t *testing.T, q *testQueue, m *memory) {
				q.mustPut("a", "b")
				first, second := q.mustTake("a", 0), q.mustTake("b", 0)
				m.setFail(always)
				for range 3 {
					if err := q.Settle(first, how); !errors.Is(err, errDisk) || errors.Is(err, ErrLockLost) {
						t.Fatalf("settle: %v, want %v", err, errDisk)
					}
				}
				_ = q.Settle(second, how)
				q.mustBeDry()
				q.wantEnded()
				q.wantPending(2)
				time.Sleep(time.Minute) // the locks end, though the disk still fails
				q.mustSettle(first, how, ErrLockLost)
				first = q.mustTake("a", 0)
				m.setFail(nil)
				q.mustSettle(first, how, nil)
				q.mustSettle(first, how, ErrLockLost)
				q.wantKept(m)
			})
		})
	}
}

// TestExpiryIsTriedAgain checks messages whose end cannot be kept: they are
// neither delivered nor reported, and the disk is left in peace more and more.
func TestExpiryIsTriedAgain(t *testing.T) {
	onJournal(t, iotHubLimits, func(t *testing.T, q *testQueue, m *memory) {
		start := time.Now()
		for _, name := range names(1, 50) {
			if err := q.put(named(name), start.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		q.mustTake("m1", 0)
		m.setFail(always)
		time.Sleep(time.Minute)
		for range 100 { // whoever looks does not make it try
			q.mustBeDry()
			q.wantPending(0)
		}
		time.Sleep(5 * time.Minute)
		q.wantEnded()
		after := m.triedAfter(start.Add(time.Minute))
		want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183, 243}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(after, want) {
			t.Errorf("tried after %v, want %v", after, want)
		}
		m.setFail(nil)
		if n := m.counted(func() { time.Sleep(time.Minute) }); n != 1 {
			t.Errorf("%d commits, want 1", n)
		}
		var all []string
		for _, name := range names(1, 50) {
			all = append(all, name+" Expired")
		}
		q.wantEnded(all...)
		q.wantKept(m)
	})
}

// TestFailedExpiryGoesWithTheNextPut checks that a step which must be kept takes
// along what is left, and that what has ended makes room.
func TestFailedExpiryGoesWithTheNextPut(t *testing.T) {
	limits := iotHubLimits
	limits.pending = 1
	onJournal(t, limits, func(t *testing.T, q *testQueue, m *memory) {
		q.mustPut("a")
		m.setFail(always)
		time.Sleep(time.Hour)
		if err := q.Put(named("b")); !errors.Is(err, errDisk) {
			t.Errorf("put: %v, want %v", err, errDisk)
		}
		q.wantEnded()
		m.setFail(nil)
		q.mustPut("c")
		q.wantEnded("a Expired")
		q.wantKept(m)
		q.mustTake("c", 0)
	})
}

// TestLostLockThatCounts checks a count that cannot be kept at once: the message
// is back, and the count is not forgotten.
func TestLostLockThatCounts(t *testing.T) {
	limits := iotHubLimits
	limits.countLostLocks, limits.deliveries = true, 3
	onJournal(t, limits, func(t *testing.T, q *testQueue, m *memory) {
		q.mustPut("a")
		m.setFail(always)
		for i := range 3 {
			q.mustTake("a", i)
			time.Sleep(time.Minute)
		}
		q.mustBeDry()
		q.wantEnded()
		m.setFail(nil)
		time.Sleep(time.Minute)
		q.wantEnded("a DeliveryCountExceeded")
		q.wantKept(m)
	})
}

// TestCloseGivesUp checks that the journal is left alone after the end.
func TestCloseGivesUp(t *testing.T) {
	onJournal(t, iotHubLimits, func(t *testing.T, q *testQueue, m *memory) {
		q.mustPut("a")
		m.setFail(always)
		time.Sleep(time.Hour)
		q.wantEnded()
		q.close()
		m.setFail(nil)
		n := m.counted(func() {
			time.Sleep(time.Hour)
			q.mustBeDry()
		})
		if n != 0 {
			t.Errorf("%d commits after the end, want none", n)
		}
		q.wantEnded()
	})
}

func TestFailedPurge(t *testing.T) {
	onJournal(t, iotHubLimits, func(t *testing.T, q *testQueue, m *memory) {
		q.mustPut("a", "b")
		token := q.mustTake("a", 0)
		m.setFail(always)
		if n, err := q.Purge(); n != 0 || !errors.Is(err, errDisk) {
			t.Errorf("purge: %d, %v, want none and %v", n, err, errDisk)
		}
		q.wantEnded()
		q.wantPending(2)
		m.setFail(nil)
		q.mustSettle(token, Complete, nil)
		q.mustTake("b", 0)
		q.wantKept(m)
	})
}

// TestReleaseOnBadJournal checks that giving back needs no disk.
func TestReleaseOnBadJournal(t *testing.T) {
	onJournal(t, iotHubLimits, func(t *testing.T, q *testQueue, m *memory) {
		q.mustPut("a", "b")
		m.setFail(always)
		q.mustSettle(q.mustTake("a", 0), Release, nil)
		q.Release([]LockToken{q.mustTake("a", 0), q.mustTake("b", 0), {}})
		q.mustTake("a", 0)
		time.Sleep(time.Minute)
		token := q.mustTake("a", 0)
		q.ShortenLock(token, time.Second)
		time.Sleep(time.Second)
		q.mustSettle(token, Complete, ErrLockLost)
		q.wantKept(m)
	})
}
