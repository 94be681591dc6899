package broker

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// lateHub is a broker on a slow journal.
type lateHub struct {
	hub
	journal *late
}

func inLateHub(t *testing.T, f func(t *testing.T, h lateHub)) {
	t.Helper()
	journal := &late{memory: newMemory(), fast: true} // until dev1 is registered
	inHub(t, Options{Journal: journal}, func(t *testing.T, h hub) {
		journal.fast = false
		f(t, lateHub{h, journal})
		journal.answerAll()
	})
}

// complete sends messages that want feedback, and has dev1 complete them. The
// journal has answered all but the completions.
func (h lateHub) complete(ids ...string) {
	h.t.Helper()
	for _, id := range ids {
		h.SendThen(ID{Device: "dev1"}, &Message{ID: id, Ack: AckFull}, func(r *Refusal) {
			if r != nil {
				h.t.Error(r)
			}
		})
	}
	h.journal.answerAll()
	for range ids {
		d, ok := h.dev1().Take()
		if !ok {
			h.t.Fatal("no message is ready")
		}
		h.dev1().SettleThen(d.Token, Complete, func(err error) {
			if err != nil {
				h.t.Error(err)
			}
		})
	}
}

// wantFeedback takes a feedback message, and does not settle it.
func (h lateHub) wantFeedback(want ...string) {
	h.t.Helper()
	d, ok := h.Feedback().Take()
	if !ok {
		if want != nil {
			h.t.Fatalf("no feedback, want %q", want)
		}
		return
	}
	if got := recordsIn(h.t, d.Message); !slices.Equal(got, want) {
		h.t.Fatalf("feedback %q, want %q", got, want)
	}
}

// TestFeedbackAfterTheFact checks that nobody hears that a message has ended before
// that is kept, nor of a record before the feedback message with it is kept. Until
// a message has more records it is not delivered, and then its receiver is woken.
func TestFeedbackAfterTheFact(t *testing.T) {
	inLateHub(t, func(t *testing.T, h lateHub) {
		woken := 0
		defer h.Feedback().Subscribe(func() { woken++ })()
		h.complete("a", "b")
		h.wantFeedback()
		h.journal.answer(1) // the completion of a
		h.wantFeedback()
		h.journal.answer(1) // its record in a message
		if woken != 1 || h.Feedback().Len() != 1 {
			t.Fatalf("woken %d times for %d messages, want 1, 1", woken, h.Feedback().Len())
		}
		h.journal.answer(1) // the completion of b
		h.wantFeedback()    // since it is getting longer
		h.journal.answer(1)
		if woken != 2 {
			t.Fatalf("woken %d times, want 2", woken)
		}
		h.wantFeedback("a Success", "b Success")
	})
}

// TestFailedExtension has the journal refuse a record for a message that a receiver
// has asked for meanwhile: it gets the message as it was, and the record later.
func TestFailedExtension(t *testing.T) {
	inLateHub(t, func(t *testing.T, h lateHub) {
		woken := 0
		defer h.Feedback().Subscribe(func() { woken++ })()
		h.complete("a", "b")
		h.journal.answer(3)
		h.wantFeedback()
		h.journal.setFail(always)
		h.journal.answer(1)
		h.journal.setFail(nil)
		if woken != 2 {
			t.Fatalf("woken %d times, want 2", woken)
		}
		h.wantFeedback("a Success")
		time.Sleep(minRetry)
		synctest.Wait()
		h.wantFeedback()
		h.journal.answer(1)
		h.wantFeedback("b Success")
	})
}

// TestExpiryDuringExtension lets the life of a feedback message run out while it
// gets one more record: from that it has a new one.
func TestExpiryDuringExtension(t *testing.T) {
	inLateHub(t, func(t *testing.T, h lateHub) {
		h.complete("a")
		h.journal.answerAll()
		time.Sleep(59 * time.Minute)
		h.complete("b")
		h.journal.answer(1)
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if n := h.journal.answerAll(); n != 1 || h.Feedback().Len() != 1 {
			t.Fatalf("%d commits, %d messages, want 1, 1", n, h.Feedback().Len())
		}
		time.Sleep(30*time.Minute - time.Nanosecond)
		synctest.Wait()
		if n := h.journal.answerAll(); n != 0 {
			t.Fatalf("%d commits before it is over", n)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n := h.journal.answerAll(); n != 1 || h.Feedback().Len() != 0 {
			t.Errorf("%d commits, %d messages, want 1, 0", n, h.Feedback().Len())
		}
	})
}

// TestUnregisterMeanwhile ends a device while a message for it is written, and
// another waits for that.
func TestUnregisterMeanwhile(t *testing.T) {
	inLateHub(t, func(t *testing.T, h lateHub) {
		box, answers := h.dev1(), make(map[string]error)
		put := func(id string) {
			box.PutThen(&Message{ID: id, Size: 7}, func(err error) { answers[id] = err })
		}
		put("a")
		put("b")
		gone := make(chan error)
		go func() { gone <- h.Unregister(ID{Device: "dev1"}) }()
		synctest.Wait()
		put("c")
		if r := h.Send(ID{Device: "dev1"}, named("d")); r == nil || r.Code != DeviceNotFound {
			t.Errorf("refused with %v, want %d", r, DeviceNotFound)
		}
		room := h.room.left
		go h.journal.answerAll()
		if err := <-gone; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if len(answers) != 3 || answers["a"] != nil || answers["b"] != nil || !errors.Is(answers["c"], errGone) {
			t.Errorf("answers %v, want c refused", answers)
		}
		if got := h.room.left - room; got != 3*7 {
			t.Errorf("%d bytes are given back, want 21", got)
		}
		if kept := h.journal.entries[box.ID.Path()]; len(kept) != 0 || box.Len() != 0 {
			t.Errorf("%v is kept, %d messages", kept, box.Len())
		}
	})
}

// TestBrokerCloseWaits checks that what has been asked before the end is carried
// out, and that its feedback is kept one way or the other.
func TestBrokerCloseWaits(t *testing.T) {
	inLateHub(t, func(t *testing.T, h lateHub) {
		h.complete("a", "b", "c")
		h.journal.answer(1)
		closed := make(chan struct{})
		go func() {
			h.Close()
			close(closed)
		}()
		for synctest.Wait(); h.journal.answer(1) > 0; synctest.Wait() {
			select {
			case <-closed:
				t.Fatal("closed while a commit is under way")
			default:
			}
		}
		<-closed
		next := start(t, Options{Journal: h.journal.memory})
		defer next.Close()
		next.wantBatch("a Success", "b Success", "c Success")
	})
}
