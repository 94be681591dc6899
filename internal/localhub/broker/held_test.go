package broker

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestNothingBeforeItIsKept checks that a message is neither acknowledged nor
// delivered nor counted before it is kept. What comes meanwhile is one more commit.
func TestNothingBeforeItIsKept(t *testing.T) {
	onLateJournal(t, iotHubLimits, func(t *testing.T, q *lateQueue) {
		q.putLater("a", "b", "c")
		q.mustBeDry()
		q.wantPending(0)
		q.wantAnswers()
		if !q.Empty() || q.MessageIDs() != nil || q.woken.Load() != 0 {
			t.Errorf("messages %q, woken %d times", q.MessageIDs(), q.woken.Load())
		}
		q.journal.answer(1)
		q.wantAnswers("a <nil>")
		token := q.mustTake("a", 0)
		q.mustBeDry()
		q.settleLater("complete a", token, Complete)
		q.putLater("d")
		q.journal.answer(1)
		q.wantAnswers("b <nil>", "c <nil>")
		q.wantPending(3)
		q.wantEnded()
		q.mustTake("b", 0)
		q.journal.answer(1)
		q.wantAnswers("complete a <nil>", "d <nil>")
		q.wantEnded("a Success")
		q.mustTake("c", 0)
		q.mustTake("d", 0)
		if n := q.woken.Load(); n != 3 {
			t.Errorf("woken %d times, want 3", n)
		}
		q.wantCommits(0)
	})
}

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

// TestFailedStep checks that all of a step fails that has to be kept, and nothing
// else of it.
func TestFailedStep(t *testing.T) {
	limits := iotHubLimits
	limits.pending = 5
	onLateJournal(t, limits, func(t *testing.T, q *lateQueue) {
		q.kept("a", "b", "c")
		a, b := q.mustTake("a", 0), q.mustTake("b", 0)
		q.putLater("d")
		q.settleLater("complete a", a, Complete)
		q.settleLater("release b", b, Release)
		q.putLater("e", "f", "g")
		q.journal.answer(1)
		q.wantAnswers("d <nil>")
		q.wantAnswersAfterFailure("complete a input/output error", "release b <nil>", "e input/output error",
			"f input/output error", "g queue is full")
		q.mustTake("b", 0) // it is back in spite of all
		q.mustTake("c", 0)
		q.mustTake("d", 0)
		q.mustBeDry()
		q.settleLater("complete a", a, Complete)
		q.putLater("h", "i", "j")
		q.journal.answerAll()
		q.wantAnswers("complete a <nil>", "h <nil>", "i <nil>", "j queue is full")
		if d, _ := q.Take(); d.Message.ID != "h" || d.Sequence != 5 {
			t.Errorf("took %s, number %d, want h, number 5", d.Message.ID, d.Sequence)
		}
	})
}

func (q *lateQueue) wantAnswersAfterFailure(want ...string) {
	q.t.Helper()
	q.journal.setFail(always)
	q.journal.answer(1)
	q.journal.setFail(nil)
	q.wantAnswers(want...)
}

// TestLimitInOneStep checks that what ends in a step makes room in it.
func TestLimitInOneStep(t *testing.T) {
	limits := iotHubLimits
	limits.pending = 2
	onLateJournal(t, limits, func(t *testing.T, q *lateQueue) {
		q.kept("a", "b")
		a, b := q.mustTake("a", 0), q.mustTake("b", 0)
		q.settleLater("abandon b", b, Abandon)
		q.putLater("c")
		q.settleLater("complete a", a, Complete)
		q.putLater("d", "e")
		q.wantCommits(2)
		q.wantAnswers("abandon b <nil>", "c queue is full", "complete a <nil>", "d <nil>", "e queue is full")
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

// TestCloseWaits checks that what was asked before the end is carried out.
func TestCloseWaits(t *testing.T) {
	onLateJournal(t, iotHubLimits, func(t *testing.T, q *lateQueue) {
		q.putLater("a", "b")
		closed := make(chan struct{})
		go func() {
			q.close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Fatal("closed while a commit is under way")
		default:
		}
		q.wantCommits(2)
		<-closed
		q.wantAnswers("a <nil>", "b <nil>")
		q.wantPending(2)
		q.mustBeDry()
	})
}
