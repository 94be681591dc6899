package broker

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestGenerationIsKept checks when the journal hears of a device, and of a module
// that is not registered: of the device in the commit that registers it, of the
// module with its first message, and in the same commit.
func TestGenerationIsKept(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		module := ID{"dev1", "mod"}
		if m.generations["/devices/dev1"] != h.dev1().generation || m.commits != 1 {
			t.Errorf("%d commits, generations %v", m.commits, m.generations)
		}
		if n := m.counted(func() { h.box(module) }); n != 0 {
			t.Errorf("%d commits for an empty mailbox, want none", n)
		}
		m.setFail(always)
		_ = h.box(module).Put(named("lost"))
		m.setFail(nil)
		n := m.counted(func() { _ = h.box(module).Put(named("a")) })
		if n != 1 || m.generations[module.Path()] != h.box(module).generation {
			t.Errorf("%d commits, generations %v", n, m.generations)
		}
		h.Close()
		time.Sleep(time.Second)
		next := start(t, Options{Journal: m})
		defer next.Close()
		for _, id := range []ID{{Device: "dev1"}, module} {
			if got, want := next.box(id).generation, h.box(id).generation; got != want {
				t.Errorf("generation %s of %s after a restart, want %s", got, id, want)
			}
		}
	})
}

// TestUnreportedRecords restarts a broker whose journal has records that no
// feedback message holds, as a kill leaves them: each is reported once, in the
// order in which the messages ended.
func TestUnreportedRecords(t *testing.T) {
	m := newMemory()
	for i := range 70 {
		id := names(i, i)[0]
		m.records[id] = Record{Key: id, OriginalMessageID: id, StatusCode: StatusSuccess, EnqueuedTimeUTC: string(rune('0' + 70 - i))}
	}
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		var got []string
		for batch := h.readBatch(); batch != nil; batch = h.readBatch() {
			got = append(got, batch...)
		}
		if len(got) != 70 || got[0] != "m69 Success" || got[69] != "m0 Success" {
			t.Errorf("feedback %q, want 70 from m69 to m0", got)
		}
		if n := m.recordsKept(); n != 0 {
			t.Errorf("%d records are kept, want none", n)
		}
	})
}

// TestExpiredBetween restarts a broker after the time of its messages: that is one
// commit for the queue, and another for their feedback.
func TestExpiredBetween(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m, FeedbackInterval: time.Minute}, func(t *testing.T, h hub) {
		for _, id := range names(1, 20) {
			h.send(id)
		}
		h.Close()
		time.Sleep(time.Hour)
		var next hub
		n := m.counted(func() {
			next = start(t, Options{Journal: m, FeedbackInterval: time.Minute})
			time.Sleep(time.Minute)
		})
		if n != 2 {
			t.Errorf("%d commits, want 2", n)
		}
		defer next.Close()
		var want []string
		for _, id := range names(1, 20) {
			want = append(want, id+" Expired")
		}
		next.wantBatch(want...)
		next.wantBatch()
	})
}

// TestUnknownQueues keeps messages for a device that is not registered any more.
func TestUnknownQueues(t *testing.T) {
	t.Parallel()
	m := newMemory()
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Options{Journal: m}, "dev1", "gone")
		_ = h.box(ID{"gone", "mod"}).Put(named("a"))
		h.send("b")
		h.Close()
		delete(m.identities, "/devices/gone") // as in a file of before there was a registry
		var log bytes.Buffer
		next := start(t, Options{Journal: m, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer next.Close()
		next.WarnOfStrays()
		want := `level=WARN msg="messages are kept that nobody can get" queue=gone/mod reason="Device gone at IotHub localhost not registered."`
		if got := log.String(); !strings.Contains(got, want) || strings.Count(got, "\n") != 1 {
			t.Errorf("log %q, want %q", got, want)
		}
		if got := next.Pending("dev1"); !slices.Equal(got, []string{"b"}) {
			t.Errorf("pending %q, want b", got)
		}
	})
}

type badJournal struct{ memory }

func (*badJournal) Load() (*State, error) { return nil, errDisk }

func TestJournalThatCannotBeRead(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{Journal: new(badJournal)}); !errors.Is(err, errDisk) {
		t.Errorf("error %v, want %v", err, errDisk)
	}
}
