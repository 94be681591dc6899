package localhub

import (
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/defaults"
)

func TestDataErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := keeper(t, dir)
	defer h.Close()
	if _, err := New(&Options{Data: dir}); err == nil || !strings.Contains(err.Error(), "another hub is using it") {
		t.Errorf("error = %v", err)
	}
	if _, err := New(&Options{Data: "/dev/null/x"}); err == nil || !strings.Contains(err.Error(), "data directory") {
		t.Errorf("error = %v", err)
	}
	// A disk that takes nothing: the message is refused, not acknowledged.
	if err := h.store.db.Close(); err != nil {
		t.Fatal(err)
	}
	box, _ := h.mailbox(identity{device: "dev1"})
	if err := box.queue.put(named("m"), time.Time{}); err == nil || box.queue.pending() != 0 {
		t.Errorf("put = %v with %d pending, want an error and none", err, box.queue.pending())
	}
}

// TestFarExpiry checks that an expiry which JSON cannot show can be kept.
func TestFarExpiry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := keeper(t, dir)
	m := c2d("m")
	m.Properties.AbsoluteExpiryTime = new(amqpwire.Timestamp(1<<63 - 1))
	state := (&c2dSink{h, h.log}).accept(incoming{bytes: encode(t, m)})
	if _, ok := state.(*amqpwire.Accepted); !ok {
		t.Fatalf("%+v, want accepted", state)
	}
	h.Close()
	h = keeper(t, dir)
	defer h.Close()
	e, _ := takeOne(t, h)
	if got := *e.message.Properties.AbsoluteExpiryTime; got != 1<<63-1 || e.expires.Year() != 9999 {
		t.Errorf("expiry %d, in effect %v, want what was sent, and year 9999", got, e.expires)
	}
}

// keeper returns a hub that keeps its queues in dir.
func keeper(t *testing.T, dir string) *Hub {
	t.Helper()
	h, err := New(&Options{Data: dir, MaxDeliveryCount: 3, Devices: []Device{{ID: "dev1", Key: defaults.Key()}}})
	if err != nil {
		t.Fatal(err)
	}
	return h
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
