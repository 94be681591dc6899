package localhub

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/amqpfront"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
)

// keeper returns a hub that keeps its queues in dir.
func keeper(t *testing.T, dir string) *Hub {
	t.Helper()
	h, err := New(&Options{Data: dir, MaxDeliveryCount: 3, Devices: []Device{{ID: "dev1", Key: defaults.Key()}}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// enqueueKept puts a message that wants all feedback.
func enqueueKept(t *testing.T, h *Hub, id string, life time.Duration) {
	t.Helper()
	message, err := amqpfront.Codec{}.Decode(encode(t, &amqpwire.Message{
		Properties: &amqpwire.Properties{
			MessageID: id, AbsoluteExpiryTime: new(amqpwire.NewTimestamp(time.Now().Add(life))),
		},
		ApplicationProperties: amqpwire.Map{{Key: "iothub-ack", Value: "full"}},
		Data:                  [][]byte{[]byte("body of " + id)},
	}))
	if err == nil {
		err = mailboxOf(t, h).Put(message)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mailboxOf(t *testing.T, h *Hub) *broker.Mailbox {
	t.Helper()
	m, refused := h.broker.Mailbox(broker.ID{Device: "dev1"})
	if refused != nil {
		t.Fatal(refused)
	}
	return m
}

func takeOne(t *testing.T, h *Hub) broker.Delivery {
	t.Helper()
	d, ok := mailboxOf(t, h).Take()
	if !ok {
		t.Fatal("no message is ready")
	}
	return d
}

func settleOne(t *testing.T, h *Hub, s broker.Settlement) (id string) {
	t.Helper()
	d := takeOne(t, h)
	if err := mailboxOf(t, h).Settle(d.Token, s); err != nil {
		t.Fatal(err)
	}
	return d.Message.ID
}

// bodyOf returns the body of a message that a back end has sent.
func bodyOf(t *testing.T, d broker.Delivery) string {
	t.Helper()
	b, err := amqpfront.Codec{}.Encode(d.Message)
	if err != nil {
		t.Fatal(err)
	}
	return string(decode(t, b).Data[0])
}

// readFeedback takes all feedback off the hub, as "id status" in no order.
func readFeedback(t *testing.T, h *Hub) (records []string) {
	t.Helper()
	for {
		d, ok := h.broker.Feedback().Take()
		if !ok {
			slices.Sort(records)
			return records
		}
		var batch []record
		if err := json.Unmarshal(d.Message.Body, &batch); err != nil {
			t.Fatal(err)
		}
		for _, r := range batch {
			records = append(records, r.OriginalMessageID+" "+string(r.StatusCode))
		}
		if err := h.broker.Feedback().Settle(d.Token, broker.Complete); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRestart stops a hub in the middle of its work, and expects the next one
// to take it up: messages in order, delivery counts, feedback, generation.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { testRestart(t, dir) })
}

func testRestart(t *testing.T, dir string) {
	first := keeper(t, dir)
	for _, id := range []string{"done", "bad", "returned", "held", "waiting"} {
		enqueueKept(t, first, id, time.Hour)
	}
	enqueueKept(t, first, "short", time.Minute)
	settleOne(t, first, broker.Complete)
	settleOne(t, first, broker.Reject)
	settleOne(t, first, broker.Abandon)
	settleOne(t, first, broker.Abandon)
	returned := takeOne(t, first)
	if err := mailboxOf(t, first).Settle(returned.Token, broker.Release); err != nil || returned.DeliveryCount != 2 {
		t.Fatalf("delivery count %d, %v; want 2", returned.DeliveryCount, err)
	}
	generation := mailboxOf(t, first).Generation()
	first.Close()
	time.Sleep(time.Minute) // the end of the short one

	second := keeper(t, dir)
	defer second.Close()
	box := mailboxOf(t, second)
	if got := box.Generation(); got != generation {
		t.Errorf("generation = %s, want %s", got, generation)
	}
	d := takeOne(t, second)
	if got, want := d.Message.ID+"/"+bodyOf(t, d), "returned/body of returned"; got != want || d.DeliveryCount != 2 {
		t.Errorf("first message = %s with delivery count %d, want %s with 2", got, d.DeliveryCount, want)
	}
	if err := box.Settle(d.Token, broker.Abandon); err != nil { // the third time is the last
		t.Fatal(err)
	}
	enqueueKept(t, second, "new", time.Hour)
	var order []string
	for range 3 {
		order = append(order, settleOne(t, second, broker.Complete))
	}
	if want := []string{"held", "waiting", "new"}; !slices.Equal(order, want) {
		t.Errorf("order = %v, want %v", order, want)
	}
	if n := box.Len(); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	want := []string{
		"bad Rejected", "done Success", "held Success", "new Success", "returned DeliveryCountExceeded",
		"short Expired", "waiting Success",
	}
	if got := readFeedback(t, second); !slices.Equal(got, want) {
		t.Errorf("feedback = %v\nwant       %v", got, want)
	}
}

// TestRestartAgain expects nothing to come back that was settled.
func TestRestartAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 3 {
		h := keeper(t, dir)
		enqueueKept(t, h, "m", time.Hour)
		settleOne(t, h, broker.Complete)
		if got, want := readFeedback(t, h), []string{"m Success"}; !slices.Equal(got, want) {
			t.Errorf("feedback = %v, want %v", got, want)
		}
		h.Close()
	}
}
