package localhub

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/amqpwire"
)

// originalIDs returns the message ids in a feedback message.
func originalIDs(t testing.TB, m *amqpwire.Message) (ids []string) {
	t.Helper()
	var records []feedbackRecord
	if err := json.Unmarshal(m.Data[0], &records); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		ids = append(ids, r.OriginalMessageID)
	}
	return ids
}

// TestFeedbackOfEachMode ends messages in every way, in every mode.
func TestFeedbackOfEachMode(t *testing.T) {
	t.Parallel()
	endings := map[status]func(w *world, token lockToken){
		statusSuccess:  func(w *world, token lockToken) { _ = w.queueOf("dev1").settle(token, complete) },
		statusRejected: func(w *world, token lockToken) { _ = w.queueOf("dev1").settle(token, reject) },
		statusPurged:   func(w *world, _ lockToken) { w.hub.Purge("dev1") },
		statusExpired:  func(*world, lockToken) { time.Sleep(time.Hour) },
		statusDeliveryCountExceeded: func(w *world, token lockToken) {
			for range 10 {
				_ = w.queueOf("dev1").settle(token, abandon)
				_, token, _ = w.queueOf("dev1").take()
			}
		},
	}
	for mode, wanted := range map[string]func(status) bool{
		"none":     func(status) bool { return false },
		"":         func(status) bool { return false },
		"positive": func(s status) bool { return s == statusSuccess },
		"negative": func(s status) bool { return s != statusSuccess },
		"full":     func(status) bool { return true },
	} {
		for s, end := range endings {
			t.Run(mode+" "+string(s), func(t *testing.T) {
				inWorld(t, Options{}, func(t *testing.T, w *world) {
					m := c2d("m1")
					if mode != "" {
						m.ApplicationProperties = amqpwire.Map{{Key: "iothub-ack", Value: mode}}
					}
					w.put(m)
					_, token, _ := w.queueOf("dev1").take()
					end(w, token)
					synctest.Wait()
					e, _, ok := w.hub.feedback.queue.take()
					if ok != wanted(s) {
						t.Fatalf("feedback: %v, want %v", ok, wanted(s))
					}
					if !ok {
						return
					}
					var records []feedbackRecord
					if err := json.Unmarshal(e.message.Data[0], &records); err != nil {
						t.Fatal(err)
					}
					if len(records) != 1 || records[0].StatusCode != s || records[0].Description != string(s) || records[0].OriginalMessageID != "m1" {
						t.Errorf("records %+v, want one, %s of m1", records, s)
					}
				})
			})
		}
	}
}

// TestFeedbackOnTheWire checks a feedback message to the byte. Fake time begins
// in the year 2000.
func TestFeedbackOnTheWire(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		time.Sleep(1234567800 * time.Nanosecond)
		back := w.service()
		back.sender(1, serviceAddress)
		back.receiver(0, feedbackAddress)
		back.credit(0, 0, 10)
		m := c2d("")
		m.Properties.MessageID = amqpwire.UUID{0xde, 0xad, 0xbe, 0xef, 15: 7}
		m.ApplicationProperties = amqpwire.Map{{Key: "iothub-ack", Value: "full"}}
		back.transfer(&amqpwire.Transfer{Handle: 1}, m)
		want[*amqpwire.Disposition](back)
		dev := w.listening(1)
		dev.wantTransfer()
		time.Sleep(time.Second)
		dev.settle(1, &amqpwire.Accepted{})

		transfer, payload := back.wantTransfer()
		if len(transfer.DeliveryTag) != 16 || transfer.Settled || *transfer.MessageFormat != 0 {
			t.Errorf("transfer %+v, want an unsettled one with a tag of 16 bytes", transfer)
		}
		box, _ := w.hub.mailbox(identity{device: "dev1"})
		if len(box.generation) != 18 {
			t.Errorf("generation %q, want 18 digits", box.generation)
		}
		wantMessage := &amqpwire.Message{
			Annotations: amqpwire.Map{{Key: amqpwire.Symbol("iothub-enqueuedtime"), Value: amqpwire.NewTimestamp(time.Now())}},
			Properties: &amqpwire.Properties{
				UserID: []byte("myhub"), ContentType: "application/vnd.microsoft.iothub.feedback.json",
			},
			Data: [][]byte{[]byte(`[{"originalMessageId":"deadbeef-0000-0000-0000-000000000007","description":"Success",` +
				`"deviceGenerationId":"` + box.generation + `","deviceId":"dev1",` +
				`"enqueuedTimeUtc":"2000-01-01T00:00:02.2345678Z","statusCode":"Success"}]`)},
		}
		if diff := cmp.Diff(wantMessage, decode(t, payload)); diff != "" {
			t.Errorf("feedback (-want +got):\n%s", diff)
		}
	})
}

// TestFeedbackQueueRules checks the queue's own lock, count and life.
func TestFeedbackQueueRules(t *testing.T) {
	var log logLines
	inWorld(t, Options{LockTimeout: time.Second, MaxDeliveryCount: 2, DefaultTTL: time.Minute, Logger: newLogger(&log)}, func(t *testing.T, w *world) {
		c := w.service()
		c.receiver(0, feedbackAddress)
		c.credit(0, 0, 1000)
		w.hub.feedback.report(feedbackRecord{OriginalMessageID: "m1", StatusCode: statusSuccess})
		start := time.Now()
		c.wantTransfer()
		transfer, _ := c.wantTransfer() // the lock has run out
		if got := time.Since(start); got != time.Minute {
			t.Errorf("again after %v, want 1m", got)
		}
		c.settle(*transfer.DeliveryID, &amqpwire.Released{})
		transfer, payload := c.wantTransfer()
		if got := decode(t, payload).Annotations; len(got) != 1 {
			t.Errorf("annotations %v, want the time only", got)
		}
		// Nine more releases, or an hour, end it.
		for range 8 {
			c.settle(*transfer.DeliveryID, &amqpwire.Modified{DeliveryFailed: true})
			transfer, _ = c.wantTransfer()
		}
		c.settle(*transfer.DeliveryID, &amqpwire.Released{})
		c.wantNothing()
		if !log.has("feedback message not read") {
			t.Error("the log says nothing of the message that nobody read")
		}
		c.credit(0, 11, 0) // not to read it
		synctest.Wait()
		w.hub.feedback.report(feedbackRecord{OriginalMessageID: "m2", StatusCode: statusSuccess})
		if n := w.hub.feedback.queue.pending(); n != 1 {
			t.Errorf("%d feedback messages, want 1", n)
		}
		for range 59 {
			time.Sleep(time.Minute)
			c.send(0, nil)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		if n := w.hub.feedback.queue.pending(); n != 1 {
			t.Errorf("%d feedback messages before an hour is over, want 1", n)
		}
		time.Sleep(time.Nanosecond)
		if n := w.hub.feedback.queue.pending(); n != 0 {
			t.Errorf("%d feedback messages after an hour, want 0", n)
		}
	})
}

func TestFeedbackAtOnce(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		for i := range 5 {
			w.hub.feedback.report(feedbackRecord{OriginalMessageID: fmt.Sprint(i)})
			if got := w.hub.feedback.queue.pending(); got != i+1 {
				t.Errorf("%d feedback messages, want %d", got, i+1)
			}
		}
	})
}

// TestFeedbackBatches checks the rule: 64 records, or 15 s since the last
// message, whichever is first.
func TestFeedbackBatches(t *testing.T) {
	inWorld(t, Options{FeedbackInterval: 15 * time.Second}, func(t *testing.T, w *world) {
		f := w.hub.feedback
		start := time.Now()
		n := 0
		report := func(count int) {
			for range count {
				n++
				f.report(feedbackRecord{OriginalMessageID: fmt.Sprint(n)})
			}
		}
		wantBatch := func(at time.Duration, from, to int) {
			t.Helper()
			if d := at - time.Since(start) - time.Nanosecond; d > 0 {
				time.Sleep(d)
				synctest.Wait()
				if e, _, ok := f.queue.take(); ok {
					t.Fatalf("feedback %s before %v", e.message.Data[0], at)
				}
				time.Sleep(time.Nanosecond)
			}
			synctest.Wait()
			e, token, ok := f.queue.take()
			if !ok {
				t.Fatalf("no feedback after %v", at)
			}
			_ = f.queue.settle(token, complete)
			var want []string
			for i := from; i <= to; i++ {
				want = append(want, fmt.Sprint(i))
			}
			if diff := cmp.Diff(want, originalIDs(t, e.message)); diff != "" {
				t.Fatalf("records (-want +got):\n%s", diff)
			}
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
		if f.queue.pending() != 0 {
			t.Error("feedback of nothing")
		}
	})
}
