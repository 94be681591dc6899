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
// It returns how many records are left on the hub, for others or to come again.
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
	if !gone {
		return len(records), err
	}
	t.drop(records)
	return 0, nil
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
	}
	a := t.recipient(k)
	if a == nil {
		return t.answered[k], nil
	}
	t.known[r], t.answered[k] = true, true
	t.freed(a.message.target())
	latency := time.Since(a.since)
	if a.state == underWay {
		a.early, a.latency = &r.Feedback, latency
		a.known()
		return true, nil
	}
	t.remove(a)
	return true, t.tell(a, r.Feedback, latency)
}

// recipient returns the message that a new record is about, nil if it is none of
// ours: the oldest with the id that has no record yet, and one that was refused
// only if there is no other. Called with mu held.
func (t *tracker) recipient(k key) (found *awaited) {
	for _, a := range t.pending[k] {
		switch {
		case a.early != nil:
		case a.state != refused:
			return a
		case found == nil:
			found = a
		}
	}
	return found
}

// tell reports feedback. If the message was not reported as sent, it is now: the
// hub has it. Called with mu held.
func (t *tracker) tell(a *awaited, f iothub.Feedback, latency time.Duration) error {
	if a.state != accepted {
		if err := t.report.corrected(a.message, a.verdict); err != nil {
			return err
		}
	}
	return t.report.feedback(f, latency)
}

// drop forgets records that cannot come again.
func (t *tracker) drop(records []record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range records {
		delete(t.known, r)
	}
}
