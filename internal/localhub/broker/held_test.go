package broker

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestHeldMessage checks that nothing happens to a message whose settlement is on
// its way to the disk, whatever time it takes.
func TestHeldMessage(t *testing.T) {
	for name, test := range map[string]struct {
		how   Settlement
		fails bool
		want  []string // how it has ended
		left  bool     // it is there, once its lock is over
	}{
		"complete":         {Complete, false, []string{"a Success"}, false},
		"reject":           {Reject, false, []string{"a Rejected"}, false},
		"abandon":          {Abandon, false, nil, true},
		"failing complete": {Complete, true, nil, true},
		"failing reject":   {Reject, true, nil, true},
		"failing abandon":  {Abandon, true, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			onLateJournal(t, iotHubLimits, func(t *testing.T, q *lateQueue) {
				q.kept("a")
				token := q.mustTake("a", 0)
				q.settleLater("first", token, test.how)
				q.settleLater("second", token, Complete)
				q.Release([]LockToken{token})
				q.ShortenLock(token, time.Second)
				time.Sleep(2 * time.Minute) // its lock is over
				q.mustBeDry()
				q.wantPending(1)
				q.wantAnswers()
				q.wantEnded()
				if test.fails {
					q.journal.setFail(always)
				}
				q.journal.answer(1)
				q.journal.setFail(nil)
				q.wantCommits(0)
				q.wantAnswers(fmt.Sprint("first ", map[bool]error{true: errDisk}[test.fails]), "second message lock lost")
				q.wantEnded(test.want...)
				if d, ok := q.Take(); ok != test.left || ok && d.DeliveryCount != map[bool]int{false: 1}[test.fails] {
					t.Errorf("taken: %v, delivered %d times before", ok, d.DeliveryCount)
				}
			})
		})
	}
}

// TestExpiryOfHeldMessage lets a message expire while its completion is written:
// what was in time counts, and what could not be kept was not in time.
func TestExpiryOfHeldMessage(t *testing.T) {
	for fails, want := range map[bool]string{false: "a Success", true: "a Expired"} {
		t.Run(want, func(t *testing.T) {
			onLateJournal(t, iotHubLimits, func(t *testing.T, q *lateQueue) {
				q.kept("a")
				time.Sleep(59 * time.Minute)
				q.settleLater("a", q.mustTake("a", 0), Complete)
				time.Sleep(time.Hour)
				if fails {
					q.journal.setFail(always)
				}
				q.journal.answer(1)
				q.journal.setFail(nil)
				time.Sleep(minRetry) // if it failed, its lock is over, and with it its life
				synctest.Wait()
				q.journal.answerAll()
				q.wantEnded(want)
				q.wantPending(0)
			})
		})
	}
}

// TestExpiryMeanwhile has messages expire while a commit is under way. They end by
// themselves, once that is kept too.
func TestExpiryMeanwhile(t *testing.T) {
	onLateJournal(t, iotHubLimits, func(t *testing.T, q *lateQueue) {
		q.kept("a", "b")
		time.Sleep(30 * time.Minute)
		q.putLater("c")
		time.Sleep(30 * time.Minute)
		q.mustBeDry()
		q.wantPending(0)
		q.wantEnded()
		q.journal.setFail(always)
		q.wantCommits(1) // the disk is left in peace with the end of a and b
		q.wantAnswers("c input/output error")
		q.journal.setFail(nil)
		q.wantEnded()
		q.putLater("d")
		q.wantCommits(1)
		q.wantAnswers("d <nil>")
		q.wantEnded("a Expired", "b Expired")
	})
}

// TestRetryMeanwhile has messages expire on a disk that fails, and nobody asks the
// queue for anything more. It tries again by itself.
func TestRetryMeanwhile(t *testing.T) {
	onLateJournal(t, iotHubLimits, func(t *testing.T, q *lateQueue) {
		q.kept("a")
		time.Sleep(30 * time.Minute)
		q.putLater("b")
		time.Sleep(30 * time.Minute)
		q.journal.setFail(always)
		q.wantCommits(1)
		q.wantAnswers("b input/output error")
		time.Sleep(minRetry)
		q.wantEnded()
		q.wantCommits(1)
		time.Sleep(2*minRetry - time.Nanosecond)
		q.wantEnded()
		q.wantCommits(0)
		q.journal.setFail(nil)
		time.Sleep(time.Nanosecond)
		q.wantEnded()
		q.wantCommits(1)
		q.wantEnded("a Expired")
	})
}

// TestLostLockMeanwhile lets locks run out that count, before and while a commit
// fails: neither is forgotten.
func TestLostLockMeanwhile(t *testing.T) {
	limits := iotHubLimits
	limits.countLostLocks = true
	onLateJournal(t, limits, func(t *testing.T, q *lateQueue) {
		q.kept("a", "b")
		q.journal.setFail(always)
		for _, name := range []string{"a", "b"} {
			q.mustTake(name, 0)
			time.Sleep(30 * time.Second)
		}
		synctest.Wait() // the commit that counts a is under way
		time.Sleep(30 * time.Second)
		synctest.Wait()
		q.journal.answer(1)
		q.journal.setFail(nil)
		q.putLater("c")
		q.journal.answerAll()
		q.wantAnswers("c <nil>")
		q.wantKept(q.journal.memory)
		q.mustTake("a", 1)
		q.mustTake("b", 1)
	})
}

// TestExpiryDuringPurge has messages expire while their purge is written: they end
// once.
func TestExpiryDuringPurge(t *testing.T) {
	onLateJournal(t, iotHubLimits, func(t *testing.T, q *lateQueue) {
		q.kept("a", "b")
		time.Sleep(59 * time.Minute)
		q.mustTake("a", 0)
		purged := make(chan int)
		go func() {
			n, _ := q.Purge()
			purged <- n
		}()
		time.Sleep(time.Hour)
		q.mustBeDry()
		go q.journal.answer(1)
		if n := <-purged; n != 2 {
			t.Errorf("%d purged, want 2", n)
		}
		q.wantCommits(0)
		q.wantEnded("a Purged", "b Purged")
	})
}

// TestPurgeMeanwhile checks that a purge takes what was asked for before it, and
// nothing that was asked for later. What it is about is not delivered.
func TestPurgeMeanwhile(t *testing.T) {
	onLateJournal(t, iotHubLimits, func(t *testing.T, q *lateQueue) {
		q.kept("a", "b")
		token := q.mustTake("a", 0)
		q.putLater("c")
		q.settleLater("complete a", token, Complete)
		purged := make(chan int)
		go func() {
			n, err := q.Purge()
			if err != nil {
				t.Error(err)
			}
			purged <- n
		}()
		synctest.Wait()
		q.putLater("d")
		q.journal.answer(2)
		q.wantAnswers("c <nil>", "complete a <nil>")
		q.mustBeDry() // though b and c are not purged yet
		q.wantPending(2)
		q.journal.answer(1)
		if n := <-purged; n != 2 {
			t.Errorf("%d purged, want 2", n)
		}
		q.wantCommits(1)
		q.wantAnswers("d <nil>")
		q.wantEnded("a Success", "b Purged", "c Purged")
		q.mustTake("d", 0)
	})
}

// TestReceiverOfHeldMessage has a receiver sent away during a purge that fails: it
// is woken.
func TestReceiverOfHeldMessage(t *testing.T) {
	onLateJournal(t, iotHubLimits, func(t *testing.T, q *lateQueue) {
		q.kept("a")
		failed := make(chan error)
		go func() {
			_, err := q.Purge()
			failed <- err
		}()
		synctest.Wait()
		q.mustBeDry()
		q.journal.setFail(always)
		go q.journal.answer(1)
		if err := <-failed; !errors.Is(err, errDisk) || q.woken.Load() != 1 {
			t.Errorf("purge: %v, woken %d times, want %v, once", err, q.woken.Load(), errDisk)
		}
		q.journal.setFail(nil)
		q.mustTake("a", 0)
	})
}
