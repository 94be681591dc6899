package broker

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reporter reports records with the numbers from 1 as ids.
type reporter struct {
	hub
	n int
}

func (r *reporter) report(count int) {
	for range count {
		r.n++
		id := fmt.Sprint(r.n)
		r.feedback.report(Record{OriginalMessageID: id, Key: id})
	}
}

// wantMessages takes all feedback messages, and checks how many records each has.
func (r *reporter) wantMessages(want ...int) {
	r.t.Helper()
	synctest.Wait()
	var got []int
	for d, ok := r.Feedback().Take(); ok; d, ok = r.Feedback().Take() {
		got = append(got, len(recordsIn(r.t, d.Message)))
		_ = r.Feedback().Settle(d.Token, Complete)
	}
	if !slices.Equal(got, want) {
		r.t.Fatalf("messages of %v records, want %v", got, want)
	}
}

// TestUnreadFeedbackIsJoined checks which messages take more records.
func TestUnreadFeedbackIsJoined(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(r *reporter)
		want []int
	}{
		"unread": {func(r *reporter) { r.report(5) }, []int{5}},
		"full":   {func(r *reporter) { r.report(2*64 + 6) }, []int{64, 64, 6}},
		"held": {func(r *reporter) {
			r.report(2)
			d, _ := r.Feedback().Take()
			r.report(3)
			r.Feedback().Release([]LockToken{d.Token})
		}, []int{2, 3}},
		"given back": {func(r *reporter) {
			r.report(2)
			d, _ := r.Feedback().Take()
			r.Feedback().Release([]LockToken{d.Token})
			r.report(3)
			r.report(62)
		}, []int{2, 64, 1}},
		"lost lock": {func(r *reporter) {
			r.report(2)
			r.Feedback().Take()
			time.Sleep(time.Minute)
			r.report(3)
		}, []int{2, 3}},
		"read": {func(r *reporter) {
			r.report(2)
			r.wantMessages(2)
			r.report(3)
		}, []int{3}},
		"many at once": {func(r *reporter) {
			r.report(60)
			var records []Record
			for i := range 200 {
				records = append(records, Record{Key: fmt.Sprint("more", i)})
			}
			r.feedback.report(records...)
		}, []int{64, 64, 64, 64, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
				test.do(&reporter{h, 0})
				next := start(t, Options{Journal: m}) // it finds the same
				(&reporter{next, 0}).wantMessages(test.want...)
				next.Close()
				(&reporter{h, 0}).wantMessages(test.want...)
			})
		})
	}
}

// TestJoinedFeedback checks what a message looks like that has got more records:
// it keeps its number and place, and is as old as the youngest of them.
func TestJoinedFeedback(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		r := &reporter{h, 0}
		r.report(1)
		for range 3 {
			time.Sleep(50 * time.Minute)
			if n := m.counted(func() { r.report(1) }); n != 1 {
				t.Errorf("%d commits for a record, want 1", n)
			}
		}
		at := time.Now()
		if kept := m.entries[FeedbackQueue][1]; len(recordsIn(t, kept.Message)) != 4 || m.last[FeedbackQueue] != 1 {
			t.Errorf("kept %+v, want one message of 4 records", m.entries)
		}
		time.Sleep(time.Hour - time.Nanosecond)
		d, ok := h.Feedback().Take()
		if !ok || d.Sequence != 1 || !d.Enqueued.Equal(at) || !d.Expires.Equal(at.Add(time.Hour)) {
			t.Errorf("took %+v, want the first message, enqueued at %v, for an hour", d.Entry, at)
		}
		if got, want := recordsIn(t, d.Message), []string{"1 ", "2 ", "3 ", "4 "}; !slices.Equal(got, want) {
			t.Errorf("records %q, want %q", got, want)
		}
	})
}

// TestRecordThatCannotBeKept has the journal refuse a record for a message that is
// there: the message stays as it was, and gets the record later.
func TestRecordThatCannotBeKept(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		r := &reporter{h, 0}
		r.report(2)
		m.setFail(always)
		r.report(3)
		d, _ := h.Feedback().Take()
		if got := len(recordsIn(t, d.Message)); got != 2 {
			t.Errorf("a message of %d records, want 2", got)
		}
		if err := h.Feedback().Settle(d.Token, Complete); !errors.Is(err, errDisk) {
			t.Errorf("settle: %v, want %v", err, errDisk)
		}
		m.setFail(nil)
		if err := h.Feedback().Settle(d.Token, Complete); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		r.wantMessages(3)
	})
}

// TestExpiryReportsAtOnce lets many messages expire together: their feedback is
// one message, and one commit.
func TestExpiryReportsAtOnce(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		for _, id := range names(1, 50) {
			h.send(id)
		}
		if n := m.counted(func() { time.Sleep(time.Hour) }); n != 2 {
			t.Errorf("%d commits, want 2: one of the queue, one of the feedback", n)
		}
		(&reporter{h, 0}).wantMessages(50)
	})
}

// TestTooMuchFeedback fills the feedback queue, which nobody reads: the oldest
// messages are dropped, also one that is held, and the log says so once.
func TestTooMuchFeedback(t *testing.T) {
	m := newMemory()
	var log bytes.Buffer
	inHub(t, Options{Journal: m, Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(t *testing.T, h hub) {
		const surplus = 3
		records := make([]Record, feedbackBatch*(maxFeedback-1))
		for i := range records {
			records[i].Key = fmt.Sprint(i)
		}
		h.feedback.report(records...)
		held, _ := h.Feedback().Take()
		r := &reporter{h, 0}
		r.report(feedbackBatch)
		if log.Len() > 0 || h.Feedback().Len() != maxFeedback {
			t.Errorf("%d messages, log %q, want %d and nothing", h.Feedback().Len(), log.String(), maxFeedback)
		}
		warnings := func() int { return strings.Count(log.String(), "feedback messages are dropped") }
		r.report(surplus*feedbackBatch - 1)
		r.report(1)
		if h.Feedback().Len() != maxFeedback || len(m.entries[FeedbackQueue]) != maxFeedback {
			t.Errorf("%d messages, %d kept, want %d", h.Feedback().Len(), len(m.entries[FeedbackQueue]), maxFeedback)
		}
		if err := h.Feedback().Settle(held.Token, Complete); !errors.Is(err, ErrLockLost) {
			t.Errorf("settle: %v, want %v", err, ErrLockLost)
		}
		d, _ := h.Feedback().Take()
		if d.Sequence != 1+surplus || warnings() != 1 || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("next is %d, log %q, want %d and one line", d.Sequence, log.String(), 1+surplus)
		}
		_ = h.Feedback().Settle(d.Token, Complete)
		r.report(2 * feedbackBatch) // somebody reads, but too slowly
		if warnings() != 1 {
			t.Errorf("log %q, want no second warning yet", log.String())
		}
		for range maxFeedback/2 + 2 {
			d, _ := h.Feedback().Take()
			_ = h.Feedback().Settle(d.Token, Complete)
		}
		r.report(1)
		h.feedback.report(records...)
		if warnings() != 2 || h.Feedback().Len() != maxFeedback {
			t.Errorf("%d messages, log %q, want %d and a second warning", h.Feedback().Len(), log.String(), maxFeedback)
		}
	})
}
