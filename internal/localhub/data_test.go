package localhub

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/amqpwire"
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

// TestEachChangeIsOneTransaction counts transactions: a kill between two could
// bring a message back whose deliveries are used up.
func TestEachChangeIsOneTransaction(t *testing.T) {
	t.Parallel()
	h := keeper(t, t.TempDir()) // a message may be abandoned three times
	defer h.Close()
	box, _ := h.mailbox(identity{device: "dev1"})
	if err := box.queue.put(named("m"), time.Time{}); err != nil { // which wants no feedback
		t.Fatal(err)
	}
	for i, pending := range []int{1, 1, 0} {
		before := lastTransaction(t, h)
		settleOne(t, h, abandon)
		if n := lastTransaction(t, h) - before; n != 1 || box.queue.pending() != pending {
			t.Errorf("abandon %d took %d transactions and left %d messages, want 1 and %d", i+1, n, box.queue.pending(), pending)
		}
	}
}

func lastTransaction(t *testing.T, h *Hub) (id int) {
	t.Helper()
	if err := h.store.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestFailedNewLetsGo checks that a hub which cannot take up its data does not
// keep the next one from trying.
func TestFailedNewLetsGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := keeper(t, dir)
	enqueueKept(t, h, "m", time.Hour)
	err := h.store.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketQueues).Bucket([]byte("dev1")).Put(sequenceKey(1), []byte("{"))
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	for range 2 {
		_, err := New(&Options{Data: dir, Devices: []Device{{ID: "dev1"}}})
		if !errors.Is(err, ErrData) || !strings.Contains(err.Error(), "queue of dev1") {
			t.Errorf("error = %v, want one about the queue of dev1", err)
		}
	}
}

// TestDamagedFile overwrites each page of the file, with its header and without:
// the hub refuses the file, or does without the page. It does not crash.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := keeper(t, dir)
	for range 20 {
		enqueueKept(t, h, "m", time.Hour)
	}
	h.Close()
	whole, err := os.ReadFile(filepath.Join(dir, "hub.db"))
	if err != nil {
		t.Fatal(err)
	}
	if !openDamaged(t, whole[:3*os.Getpagesize()]) {
		t.Error("a file that ends too early was not refused")
	}
	const header = 16 // of a page of bbolt's
	for name, damage := range map[string]func(b []byte){
		"zeros":  func(b []byte) { clear(b) },
		"small":  func(b []byte) { copy(b, bytes.Repeat([]byte{0x01}, len(b))) }, // what they lead to is not mapped
		"large":  func(b []byte) { copy(b, bytes.Repeat([]byte{0xff}, len(b))) },
		"random": func(b []byte) { _, _ = rand.NewChaCha8([32]byte{1}).Read(b) },
	} {
		refused := 0
		for start := 0; start < len(whole); start += os.Getpagesize() {
			for _, from := range []int{start, start + header} {
				b := bytes.Clone(whole)
				damage(b[from : start+os.Getpagesize()])
				if openDamaged(t, b) {
					refused++
				}
			}
		}
		if refused < 3 {
			t.Errorf("%s: refused %d times, want it more often", name, refused)
		}
	}
}

func openDamaged(t *testing.T, file []byte) (refused bool) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hub.db"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := New(&Options{Data: dir, Devices: []Device{{ID: "dev1"}}})
	switch {
	case err == nil:
		h.Close()
	case !errors.Is(err, ErrData):
		t.Error(err)
	}
	return err != nil
}
