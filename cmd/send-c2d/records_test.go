package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// announce makes a tracker expect messages with the ids.
func announce(r *report, ids ...string) *tracker {
	t := newTracker(r)
	for _, id := range ids {
		out := outgoing{device: "d"}
		out.message.ID = id
		_, a := t.expect(context.Background(), &out)
		_ = t.decide(a, verdict{state: accepted}) // there is no feedback yet
	}
	return t
}

func feedbackOn(id string) iothub.Feedback {
	return iothub.Feedback{DeviceID: "d", MessageID: id, Status: iothub.Success, Time: time.Unix(1, 0).UTC()}
}

// The batches hold a record of others, so that they are never completed.
func TestRecordsCountOnce(t *testing.T) {
	t.Parallel()
	m, later, foreign := feedbackOn("m"), feedbackOn("m"), feedbackOn("other")
	later.Time = later.Time.Add(time.Second)
	for _, test := range []struct {
		name        string
		stale       []iothub.Feedback // were there before
		batches     [][]iothub.Feedback
		outstanding int
	}{
		{"one", nil, [][]iothub.Feedback{{m, foreign}}, 1},
		{"again", nil, [][]iothub.Feedback{{m, foreign}, {m, foreign}}, 1},
		{"two", nil, [][]iothub.Feedback{{m, foreign}, {later, foreign}}, 0},
		{"two alike", nil, [][]iothub.Feedback{{m, m, foreign}}, 0},
		{"two alike, again", nil, [][]iothub.Feedback{{m, foreign, m}, {m, foreign, m}}, 0},
		{"stale", []iothub.Feedback{m}, [][]iothub.Feedback{{m, foreign}}, 2},
		{"stale and new", []iothub.Feedback{m}, [][]iothub.Feedback{{m, foreign}, {later, foreign}}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tracker := announce(limitedReport(len(test.batches)*2, console.OutputText), "m", "m")
			tracker.surveying = true
			tracker.takeAll(t, test.stale)
			tracker.surveying = false
			for _, records := range test.batches {
				tracker.takeAll(t, records)
			}
			if got := tracker.unanswered(); got != test.outstanding {
				t.Errorf("got %d outstanding, want %d", got, test.outstanding)
			}
		})
	}
}

// takeAll gives the tracker a batch that has something for others.
func (t *tracker) takeAll(tt *testing.T, records []iothub.Feedback) {
	tt.Helper()
	if len(records) == 0 {
		return
	}
	if left, err := t.take(tt.Context(), &iothub.FeedbackBatch{Records: records}); left == 0 || err != nil {
		tt.Errorf("%d left, %v", left, err)
	}
}

// A message that was sent again in doubt may have two outcomes.
func TestSecondOutcomeIsOurs(t *testing.T) {
	t.Parallel()
	tracker := announce(limitedReport(1, console.OutputText), "m")
	second := feedbackOn("m")
	second.Time = second.Time.Add(time.Second)
	for _, f := range []iothub.Feedback{feedbackOn("m"), second} {
		if ours, err := tracker.resolve(record{Feedback: f}); !ours || err != nil {
			t.Errorf("got %v, %v", ours, err)
		}
	}
}

// The last feedback cannot be written: there is nothing more to wait for, and
// yet something to tell.
func TestLostFeedbackLine(t *testing.T) {
	t.Parallel()
	r := limitedReport(0, console.OutputText)
	tracker := announce(r, "m")
	if _, err := tracker.resolve(record{Feedback: feedbackOn("m")}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	phase := r.console.Phase(tracker.waiting)
	defer phase.End()
	if err := tracker.wait(t.Context(), phase); err != nil {
		t.Errorf("wait: %v", err)
	}
	if err := r.result(nil); !errors.Is(err, errFull) {
		t.Errorf("result: got %v", err)
	}
}
