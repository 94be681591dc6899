package localhub

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
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
	box, _ := h.mailbox(identity{device: "dev1"})
	m := &amqpwire.Message{
		Properties:            &amqpwire.Properties{MessageID: id},
		ApplicationProperties: amqpwire.Map{{Key: ackProperty, Value: string(ackFull)}},
		Data:                  [][]byte{[]byte("body of " + id)},
	}
	if err := box.queue.put(m, time.Now().Add(life)); err != nil {
		t.Fatal(err)
	}
}

func takeOne(t *testing.T, h *Hub) (entry, lockToken) {
	t.Helper()
	box, _ := h.mailbox(identity{device: "dev1"})
	e, token, ok := box.queue.take()
	if !ok {
		t.Fatal("no message is ready")
	}
	return e, token
}

func settleOne(t *testing.T, h *Hub, s settlement) string {
	t.Helper()
	e, token := takeOne(t, h)
	box, _ := h.mailbox(identity{device: "dev1"})
	if err := box.queue.settle(token, s); err != nil {
		t.Fatal(err)
	}
	return messageID(e.message)
}

// readFeedback takes all feedback off the hub, as "id status" in no order.
func readFeedback(t *testing.T, h *Hub) (records []string) {
	t.Helper()
	for {
		e, token, ok := h.feedback.queue.take()
		if !ok {
			slices.Sort(records)
			return records
		}
		var batch []feedbackRecord
		if err := json.Unmarshal(e.message.Data[0], &batch); err != nil {
			t.Fatal(err)
		}
		for _, r := range batch {
			records = append(records, r.OriginalMessageID+" "+string(r.StatusCode))
		}
		if err := h.feedback.queue.settle(token, complete); err != nil {
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
	settleOne(t, first, complete)
	settleOne(t, first, reject)
	settleOne(t, first, abandon)
	settleOne(t, first, abandon)
	box, _ := first.mailbox(identity{device: "dev1"})
	returned, token := takeOne(t, first)
	if err := box.queue.settle(token, release); err != nil || returned.deliveryCount != 2 {
		t.Fatalf("delivery count %d, %v; want 2", returned.deliveryCount, err)
	}
	generation := box.generation
	first.Close()
	time.Sleep(time.Minute) // the end of the short one

	second := keeper(t, dir)
	defer second.Close()
	box, _ = second.mailbox(identity{device: "dev1"})
	if box.generation != generation {
		t.Errorf("generation = %s, want %s", box.generation, generation)
	}
	e, token := takeOne(t, second)
	if got, want := messageID(e.message)+"/"+string(e.message.Data[0]), "returned/body of returned"; got != want || e.deliveryCount != 2 {
		t.Errorf("first message = %s with delivery count %d, want %s with 2", got, e.deliveryCount, want)
	}
	if err := box.queue.settle(token, abandon); err != nil { // the third time is the last
		t.Fatal(err)
	}
	enqueueKept(t, second, "new", time.Hour)
	var order []string
	for range 3 {
		order = append(order, settleOne(t, second, complete))
	}
	if want := []string{"held", "waiting", "new"}; !slices.Equal(order, want) {
		t.Errorf("order = %v, want %v", order, want)
	}
	if n := box.queue.pending(); n != 0 {
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
		settleOne(t, h, complete)
		if got, want := readFeedback(t, h), []string{"m Success"}; !slices.Equal(got, want) {
			t.Errorf("feedback = %v, want %v", got, want)
		}
		h.Close()
	}
}

// TestUnreportedRecordIsKept ends a message in the store without the report
// that usually follows, as a kill between the two would.
func TestUnreportedRecordIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := keeper(t, dir)
	enqueueKept(t, first, "m", time.Hour)
	box, _ := first.mailbox(identity{device: "dev1"})
	e, _ := takeOne(t, first)
	if err := box.queue.journal.finish(&e, statusSuccess); err != nil {
		t.Fatal(err)
	}
	first.Close()
	for i, want := range [][]string{{"m Success"}, nil} {
		h := keeper(t, dir)
		if got := readFeedback(t, h); !slices.Equal(got, want) {
			t.Errorf("hub %d: feedback = %v, want %v", i, got, want)
		}
		if n := h.Pending("dev1"); len(n) != 0 {
			t.Errorf("hub %d: pending = %v", i, n)
		}
		h.Close()
	}
}
