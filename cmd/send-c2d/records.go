package main

import (
	"context"
	"time"

	"iothub-c2d/internal/iothub"
)

// record is a feedback record, and how many before it in its batch are the same.
type record struct {
	iothub.Feedback
	nth int
}

// take reports our records of a batch, and completes the batch if it has no
// others.
func (t *tracker) take(ctx context.Context, batch *iothub.FeedbackBatch) (left int, err error) {
	records := number(batch.Records)
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
	gone, err := complete(ctx, batch)
	if gone {
		t.drop(records)
	}
	return 0, err
}

func number(batch []iothub.Feedback) []record {
	records := make([]record, len(batch))
	count := make(map[iothub.Feedback]int)
	for i, f := range batch {
		records[i] = record{f, count[f]}
		count[f]++
	}
	return records
}

// resolve reports r if it is about a message of ours, and new.
func (t *tracker) resolve(r record) (ours bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := key{r.DeviceID, r.MessageID}
	ours, seen := t.verdicts[r]
	switch {
	case seen:
		return ours, nil
	case t.surveying:
		t.verdicts[r] = false
		return false, nil
	case len(t.pending[k]) == 0:
		return t.answered[k], nil
	}
	t.verdicts[r], t.answered[k] = true, true
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
		delete(t.verdicts, r)
	}
}
