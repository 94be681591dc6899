package broker

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestFeedbackOfEachMode ends messages in every way, in every mode.
func TestFeedbackOfEachMode(t *testing.T) {
	t.Parallel()
	endings := map[Status]func(h hub, token LockToken){
		StatusSuccess:  func(h hub, token LockToken) { _ = h.dev1().Settle(token, Complete) },
		StatusRejected: func(h hub, token LockToken) { _ = h.dev1().Settle(token, Reject) },
		StatusPurged:   func(h hub, _ LockToken) { _, _ = h.Purge(ID{Device: "dev1"}) },
		StatusExpired:  func(hub, LockToken) { time.Sleep(time.Hour) },
		StatusDeliveryCountExceeded: func(h hub, token LockToken) {
			for range 10 {
				_ = h.dev1().Settle(token, Abandon)
				d, _ := h.dev1().Take()
				token = d.Token
			}
		},
	}
	for mode, wanted := range map[Ack]func(Status) bool{
		AckNone:     func(Status) bool { return false },
		"":          func(Status) bool { return false },
		AckPositive: func(s Status) bool { return s == StatusSuccess },
		AckNegative: func(s Status) bool { return s != StatusSuccess },
		AckFull:     func(Status) bool { return true },
	} {
		for s, end := range endings {
			t.Run(string(mode)+" "+string(s), func(t *testing.T) {
				inHub(t, Options{}, func(t *testing.T, h hub) {
					if err := h.dev1().Put(&Message{ID: "m1", Ack: mode}); err != nil {
						t.Fatal(err)
					}
					d, _ := h.dev1().Take()
					end(h, d.Token)
					if wanted(s) {
						h.wantBatch("m1 " + string(s))
					}
					h.wantBatch()
				})
			})
		}
	}
}

// TestFeedbackMessage checks a feedback message to the byte. Fake time begins in
// the year 2000.
func TestFeedbackMessage(t *testing.T) {
	inHub(t, Options{HostName: "myhub.azure-devices.net"}, func(t *testing.T, h hub) {
		time.Sleep(1234567800 * time.Nanosecond)
		if err := h.box(ID{"dev1", "mod"}).Put(&Message{ID: "m", Ack: AckPositive}); err != nil {
			t.Fatal(err)
		}
		box := h.box(ID{"dev1", "mod"})
		d, _ := box.Take()
		time.Sleep(time.Second)
		_ = box.Settle(d.Token, Complete)
		f, _ := h.Feedback().Take()
		m := f.Message
		if string(m.UserID) != "myhub" || m.ContentType != "application/vnd.microsoft.iothub.feedback.json" || m.Origin != nil {
			t.Errorf("message %+v, want it from myhub, with the content type of feedback", m)
		}
		if len(box.generation) != 18 {
			t.Errorf("generation %q, want 18 digits", box.generation)
		}
		want := `[{"originalMessageId":"m","description":"Success","deviceGenerationId":"` + box.generation +
			`","deviceId":"dev1","enqueuedTimeUtc":"2000-01-01T00:00:02.2345678Z","statusCode":"Success"}]`
		if string(m.Body) != want {
			t.Errorf("body %s\nwant %s", m.Body, want)
		}
	})
}

// TestFeedbackAtOnce has a reader that takes feedback as it comes: it does not
// wait for more.
func TestFeedbackAtOnce(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		for i := range 5 {
			h.feedback.report(Record{OriginalMessageID: fmt.Sprint(i)})
			h.Feedback().Take()
			if got := h.Feedback().Len(); got != i+1 {
				t.Errorf("%d feedback messages, want %d", got, i+1)
			}
		}
	})
}

// TestFeedbackBatches checks the rule: 64 records, or 15 s since the last
// message, whichever is first.
func TestFeedbackBatches(t *testing.T) {
	inHub(t, Options{FeedbackInterval: 15 * time.Second}, func(t *testing.T, h hub) {
		start := time.Now()
		n := 0
		report := func(count int) {
			for range count {
				n++
				h.feedback.report(Record{OriginalMessageID: fmt.Sprint(n)})
			}
		}
		wantBatch := func(at time.Duration, from, to int) {
			t.Helper()
			if d := at - time.Since(start) - time.Nanosecond; d > 0 {
				time.Sleep(d)
				synctest.Wait()
				if got := h.readBatch(); got != nil {
					t.Fatalf("feedback %q before %v", got, at)
				}
				time.Sleep(time.Nanosecond)
			}
			var want []string
			for i := from; i <= to; i++ {
				want = append(want, fmt.Sprint(i, " "))
			}
			h.wantBatch(want...)
		}
		report(3)
		wantBatch(15*time.Second, 1, 3) // since the hub was started
		report(1)
		wantBatch(30*time.Second, 4, 4)
		report(63)
		time.Sleep(5 * time.Second)
		report(2)
		wantBatch(35*time.Second, 5, 68) // full; one is left
		wantBatch(50*time.Second, 69, 69)
		time.Sleep(15 * time.Second)
		report(1)
		wantBatch(65*time.Second, 70, 70) // at once: it has been quiet
		report(130)
		wantBatch(65*time.Second, 71, 134)
		wantBatch(65*time.Second, 135, 198)
		wantBatch(80*time.Second, 199, 200)
		time.Sleep(time.Hour)
		if h.Feedback().Len() != 0 {
			t.Error("feedback of nothing")
		}
	})
}

// TestFeedbackIsSentAgain has the journal refuse feedback messages: the records
// wait, and the disk is left in peace more and more.
func TestFeedbackIsSentAgain(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		toFeedback := func(changes []Change) bool {
			return slices.ContainsFunc(changes, func(c Change) bool {
				p, ok := c.(PutEntry)
				return ok && p.Queue == FeedbackQueue
			})
		}
		m.setFail(toFeedback)
		for _, id := range names(1, 50) {
			h.send(id)
		}
		start := time.Now()
		for range 50 {
			h.settle(Complete)
		}
		if n, records := h.Feedback().Len(), m.recordsKept(); n != 0 || records != 50 {
			t.Errorf("%d messages, %d records, want 0, 50", n, records)
		}
		time.Sleep(10 * time.Second)
		after := m.triedAfter(start)
		if want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}; !slices.Equal(after, want) {
			t.Errorf("tried after %v, want %v", after, want)
		}
		m.setFail(nil)
		time.Sleep(5 * time.Second)
		var want []string
		for _, id := range names(1, 50) {
			want = append(want, id+" Success")
		}
		h.wantBatch(want...)
		if n := m.recordsKept(); n != 0 {
			t.Errorf("%d records are kept, want none", n)
		}
	})
}
