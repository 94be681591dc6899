package localhub

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/amqpserver/rawclient"
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

// TestFeedbackOnTheWire checks a feedback message to the byte. Fake time begins
// in the year 2000.
func TestFeedbackOnTheWire(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		time.Sleep(1234567800 * time.Nanosecond)
		back := w.service()
		back.Sender(1, serviceAddress)
		back.Receiver(0, feedbackAddress)
		back.Credit(0, 0, 10)
		m := c2d("")
		m.Properties.MessageID = amqpwire.UUID{0xde, 0xad, 0xbe, 0xef, 15: 7}
		m.ApplicationProperties = amqpwire.Map{{Key: "iothub-ack", Value: "full"}}
		back.transfer(&amqpwire.Transfer{Handle: 1}, m)
		want[*amqpwire.Disposition](back)
		dev := w.listening(1)
		dev.WantTransfer()
		time.Sleep(time.Second)
		dev.Settle(1, &amqpwire.Accepted{})

		transfer, payload := back.WantTransfer()
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
		if diff := cmp.Diff(wantMessage, rawclient.Decode(t, payload)); diff != "" {
			t.Errorf("feedback (-want +got):\n%s", diff)
		}
	})
}

// TestFeedbackQueueRules checks the queue's own lock, count and life.
func TestFeedbackQueueRules(t *testing.T) {
	var log logLines
	inWorld(t, Options{LockTimeout: time.Second, MaxDeliveryCount: 2, DefaultTTL: time.Minute, Logger: newLogger(&log)}, func(t *testing.T, w *world) {
		c := w.service()
		c.Receiver(0, feedbackAddress)
		c.Credit(0, 0, 1000)
		w.report("m1")
		start := time.Now()
		c.WantTransfer()
		transfer, _ := c.WantTransfer() // the lock has run out
		if got := time.Since(start); got != time.Minute {
			t.Errorf("again after %v, want 1m", got)
		}
		c.Settle(*transfer.DeliveryID, &amqpwire.Released{})
		transfer, payload := c.WantTransfer()
		if got := rawclient.Decode(t, payload).Annotations; len(got) != 1 {
			t.Errorf("annotations %v, want the time only", got)
		}
		// Nine more releases, or an hour, end it.
		for range 8 {
			c.Settle(*transfer.DeliveryID, &amqpwire.Modified{DeliveryFailed: true})
			transfer, _ = c.WantTransfer()
		}
		c.Settle(*transfer.DeliveryID, &amqpwire.Released{})
		c.WantNothing()
		if !log.has("feedback message not read") {
			t.Error("the log says nothing of the message that nobody read")
		}
		c.Credit(0, 11, 0) // not to read it
		synctest.Wait()
		w.report("m2")
		if n := w.hub.broker.Feedback().Len(); n != 1 {
			t.Errorf("%d feedback messages, want 1", n)
		}
		for range 59 {
			time.Sleep(time.Minute)
			c.Send(0, nil)
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
