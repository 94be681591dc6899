package main

import (
	"context"
	"time"

	"iothub-c2d/internal/iothub"
)

// record is a feedback record, and its number among the equal ones of its batch.
type record struct {
	iothub.Feedback
	nth int
}

// take reports our records of a batch, and completes the batch if all are ours.
// It returns how many are not.
func (t *tracker) take(ctx context.Context, batch *iothub.FeedbackBatch) (left int, err error) {
	records := numberRecords(batch.Records)
	for _, r := range records {
		ours, err := t.resolve(r)
		if err != nil {
			return left, err
		}
		if !ours {
			left++
		}
	}
	if left > 0 {
		return left, nil
	}
	gone, err := completeBatch(ctx, batch)
	if gone {
		t.drop(records)
	}
	return 0, err
}

func numberRecords(batch []iothub.Feedback) []record {
	records := make([]record, len(batch))
	count := make(map[iothub.Feedback]int)
	for i, f := range batch {
		records[i] = record{f, count[f]}
		count[f]++
	}
	return records
}

// resolve reports r if it is new, and about a message of ours.
func (t *tracker) resolve(r record) (ours bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := key{r.DeviceID, r.MessageID}
	ours, seen := t.known[r]
	switch {
	case seen:
		return ours, nil
	case t.surveying:
		t.known[r] = false
		return false, nil
	case len(t.pending[k]) == 0:
		return t.answered[k], nil
	}
	t.known[r], t.answered[k] = true, true
	a := t.pending[k][0]
	t.remove(k, 0)
	latency := time.Since(a.since)
	if !a.accepted {
		a.early, a.latency = &r.Feedback, latency
		return true, nil
	}
	return true, t.report.feedback(r.Feedback, latency)
}

// drop forgets records that cannot come again.
func (t *tracker) drop(records []record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range records {
		delete(t.known, r)
	}
}
