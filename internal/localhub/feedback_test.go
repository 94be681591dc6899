package localhub

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// record is what a feedback message says of one message.
type record struct {
	OriginalMessageID, Description string
	StatusCode                     broker.Status
}

// originalIDs returns the message ids in a feedback message.
func originalIDs(t testing.TB, body []byte) (ids []string) {
	t.Helper()
	var records []record
	if err := json.Unmarshal(body, &records); err != nil {
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
	endings := map[broker.Status]func(w *world, token broker.LockToken){
		broker.StatusSuccess:  func(w *world, token broker.LockToken) { _ = w.queueOf("dev1").Settle(token, broker.Complete) },
		broker.StatusRejected: func(w *world, token broker.LockToken) { _ = w.queueOf("dev1").Settle(token, broker.Reject) },
		broker.StatusPurged:   func(w *world, _ broker.LockToken) { w.hub.Purge("dev1") },
		broker.StatusExpired:  func(*world, broker.LockToken) { time.Sleep(time.Hour) },
		broker.StatusDeliveryCountExceeded: func(w *world, token broker.LockToken) {
			for range 10 {
				_ = w.queueOf("dev1").Settle(token, broker.Abandon)
				d, _ := w.queueOf("dev1").Take()
				token = d.Token
			}
		},
	}
	for mode, wanted := range map[string]func(broker.Status) bool{
		"none":     func(broker.Status) bool { return false },
		"":         func(broker.Status) bool { return false },
		"positive": func(s broker.Status) bool { return s == broker.StatusSuccess },
		"negative": func(s broker.Status) bool { return s != broker.StatusSuccess },
		"full":     func(broker.Status) bool { return true },
	} {
		for s, end := range endings {
			t.Run(mode+" "+string(s), func(t *testing.T) {
				inWorld(t, Options{}, func(t *testing.T, w *world) {
					m := c2d("m1")
					if mode != "" {
						m.ApplicationProperties = amqpwire.Map{{Key: "iothub-ack", Value: mode}}
					}
					w.put(m)
					d, _ := w.queueOf("dev1").Take()
					end(w, d.Token)
					synctest.Wait()
					e, ok := w.hub.broker.Feedback().Take()
					if ok != wanted(s) {
						t.Fatalf("feedback: %v, want %v", ok, wanted(s))
					}
					if !ok {
						return
					}
					var records []record
					if err := json.Unmarshal(e.Message.Body, &records); err != nil {
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
		box, _ := w.hub.broker.Mailbox(broker.ID{Device: "dev1"})
		if len(box.Generation()) != 18 {
			t.Errorf("generation %q, want 18 digits", box.Generation())
		}
		wantMessage := &amqpwire.Message{
			Annotations: amqpwire.Map{{Key: amqpwire.Symbol("iothub-enqueuedtime"), Value: amqpwire.NewTimestamp(time.Now())}},
			Properties: &amqpwire.Properties{
				UserID: []byte("myhub"), ContentType: "application/vnd.microsoft.iothub.feedback.json",
			},
			Data: [][]byte{[]byte(`[{"originalMessageId":"deadbeef-0000-0000-0000-000000000007","description":"Success",` +
				`"deviceGenerationId":"` + box.Generation() + `","deviceId":"dev1",` +
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
		w.report("m1")
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
		w.report("m2")
		if n := w.hub.broker.Feedback().Len(); n != 1 {
			t.Errorf("%d feedback messages, want 1", n)
		}
		for range 59 {
			time.Sleep(time.Minute)
			c.send(0, nil)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		if n := w.hub.broker.Feedback().Len(); n != 1 {
			t.Errorf("%d feedback messages before an hour is over, want 1", n)
		}
		time.Sleep(time.Nanosecond)
		if n := w.hub.broker.Feedback().Len(); n != 0 {
			t.Errorf("%d feedback messages after an hour, want 0", n)
		}
	})
}

func TestFeedbackAtOnce(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		for i := range 5 {
			w.report(fmt.Sprint(i))
			if got := w.hub.broker.Feedback().Len(); got != i+1 {
				t.Errorf("%d feedback messages, want %d", got, i+1)
			}
		}
	})
}

// TestFeedbackBatches checks the rule: 64 records, or 15 s since the last
// message, whichever is first.
func TestFeedbackBatches(t *testing.T) {
	inWorld(t, Options{FeedbackInterval: 15 * time.Second}, func(t *testing.T, w *world) {
		feedback := w.hub.broker.Feedback()
		start := time.Now()
		n := 0
		report := func(count int) {
			for range count {
				n++
				m := c2d(fmt.Sprint(n))
				m.ApplicationProperties = amqpwire.Map{{Key: "iothub-ack", Value: "full"}}
				w.put(m)
				d, _ := w.queueOf("dev1").Take()
				_ = w.queueOf("dev1").Settle(d.Token, broker.Complete)
			}
		}
		wantBatch := func(at time.Duration, from, to int) {
			t.Helper()
			if d := at - time.Since(start) - time.Nanosecond; d > 0 {
				time.Sleep(d)
				synctest.Wait()
				if d, ok := feedback.Take(); ok {
					t.Fatalf("feedback %s before %v", d.Message.Body, at)
				}
				time.Sleep(time.Nanosecond)
			}
			synctest.Wait()
			d, ok := feedback.Take()
			if !ok {
				t.Fatalf("no feedback after %v", at)
			}
			_ = feedback.Settle(d.Token, broker.Complete)
			var want []string
			for i := from; i <= to; i++ {
				want = append(want, fmt.Sprint(i))
			}
			if diff := cmp.Diff(want, originalIDs(t, d.Message.Body)); diff != "" {
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
		if feedback.Len() != 0 {
			t.Error("feedback of nothing")
		}
	})
}
