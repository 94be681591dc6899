package localhub

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/amqpfront"
	"iothub-c2d/internal/localhub/broker"
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
}

// TestFarExpiry checks that an expiry which JSON cannot show can be kept.
func TestFarExpiry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := keeper(t, dir)
	m := c2d("m")
	m.Properties.AbsoluteExpiryTime = new(amqpwire.Timestamp(1<<63 - 1))
	message, err := amqpfront.Codec{}.Decode(rawclient.Encode(t, m))
	if err == nil {
		err = mailboxOf(t, h).Put(message)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	h = keeper(t, dir)
	defer h.Close()
	d := takeOne(t, h)
	b, err := amqpfront.Codec{}.Encode(d.Message)
	if err != nil {
		t.Fatal(err)
	}
	if got := *rawclient.Decode(t, b).Properties.AbsoluteExpiryTime; got != 1<<63-1 || d.Expires.Year() != 9999 {
		t.Errorf("expiry %d, in effect %v, want what was sent, and year 9999", got, d.Expires)
	}
}

// TestFailedNewLetsGo checks that a hub which cannot take up its data does not
// keep the next one from trying.
func TestFailedNewLetsGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := keeper(t, dir)
	enqueueKept(t, h, "m", time.Hour)
	h.Close()
	db, err := bbolt.Open(filepath.Join(dir, "hub.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		entries := tx.Bucket([]byte("entries"))
		key, _ := entries.Cursor().First()
		return entries.Put(key, []byte("{"))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := New(&Options{Data: dir, Devices: []Device{{ID: "dev1"}}})
		if !errors.Is(err, ErrData) || !strings.Contains(err.Error(), "dev1") {
			t.Errorf("error = %v, want one about the queue of dev1", err)
		}
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

// enqueueKept puts a message that wants all feedback.
func enqueueKept(t *testing.T, h *Hub, id string, life time.Duration) {
	t.Helper()
	message, err := amqpfront.Codec{}.Decode(rawclient.Encode(t, &amqpwire.Message{
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

// bodyOf returns the body of a message that a back end has sent.
func bodyOf(t *testing.T, d broker.Delivery) string {
	t.Helper()
	b, err := amqpfront.Codec{}.Encode(d.Message)
	if err != nil {
		t.Fatal(err)
	}
	return string(rawclient.Decode(t, b).Data[0])
}
