package broker

import (
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

// TestLateMessageInOneStep puts a message that is over at once: it takes up no
// place, also if the next one comes in the same step.
func TestLateMessageInOneStep(t *testing.T) {
	limits := iotHubLimits
	limits.pending = 2
	onLateJournal(t, limits, func(t *testing.T, q *lateQueue) {
		q.putLater("a")
		q.PutThen(&Message{ID: "late", Expiry: time.Now()}, q.heard("late"))
		q.putLater("b", "c")
		q.journal.answerAll()
		q.wantAnswers("a <nil>", "late <nil>", "b <nil>", "c queue is full")
		q.journal.answerAll() // its end
		q.wantEnded("late Expired")
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
