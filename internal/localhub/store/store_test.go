package store

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/localhub/broker"
)

// plain is a codec: the id, the ack mode and the body, with lines between.
type plain struct{}

func (plain) Encode(m *broker.Message) ([]byte, error) {
	return bytes.Join([][]byte{[]byte(m.ID), []byte(m.Ack), m.Body}, []byte("\n")), nil
}

func (plain) Decode(b []byte) (*broker.Message, error) {
	parts := bytes.SplitN(b, []byte("\n"), 3)
	if len(parts) != 3 {
		return nil, errors.New("not three lines")
	}
	return &broker.Message{ID: string(parts[0]), Ack: broker.Ack(parts[1]), Body: parts[2]}, nil
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, plain{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// try commits, and waits for the answer.
func try(s *Store, changes []broker.Change) error {
	answer := make(chan error, 1)
	s.Commit(changes, func(err error) { answer <- err })
	return <-answer
}

func commit(t testing.TB, s *Store, changes ...broker.Change) {
	t.Helper()
	if err := try(s, changes); err != nil {
		t.Fatal(err)
	}
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, s *Store) *broker.State {
	t.Helper()
	state, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func entry(n uint64, body string) broker.Entry {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := &broker.Message{ID: "m", Ack: broker.AckFull, Body: []byte(body)}
	return broker.Entry{Message: m, Sequence: n, Enqueued: now, Expires: now.Add(time.Hour), DeliveryCount: int(n)}
}

// TestStateIsKept makes every kind of change, and expects the state over a
// restart.
func TestStateIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	empty := &broker.State{Queues: map[string]broker.QueueState{}, Generations: map[string]string{}, Identities: map[string][]byte{}, Sessions: map[string][]byte{}}
	if diff := cmp.Diff(empty, load(t, s)); diff != "" {
		t.Errorf("a new store (-want +got):\n%s", diff)
	}
	record := broker.Record{OriginalMessageID: "m", StatusCode: broker.StatusSuccess, Key: "k2"}
	commit(t, s,
		broker.PutGeneration{Path: "/devices/d", Generation: "123"},
		broker.PutEntry{Queue: "q", Entry: entry(1, "one")},
		broker.PutEntry{Queue: "q", Entry: entry(2, "two")},
		broker.PutSequence{Queue: "q", Last: 2},
		broker.PutEntry{Queue: "empty", Entry: entry(7, "gone")},
		broker.PutSequence{Queue: "empty", Last: 7},
		broker.PutRecord{Record: broker.Record{Key: "k1"}},
		broker.PutIdentity{ID: broker.ID{Device: "d", Module: "m"}, Document: []byte("module")},
		broker.PutIdentity{ID: broker.ID{Device: "d"}, Document: []byte("device")},
		broker.PutIdentity{ID: broker.ID{Device: "e"}, Document: []byte("gone")},
		broker.PutGeneration{Path: "/devices/e", Generation: "9"},
		broker.PutSequence{Queue: "/devices/e", Last: 3},
		broker.PutSession{Path: "/devices/d", Session: []byte("s1")},
		broker.PutSession{Path: "/devices/e", Session: []byte("s2")},
		broker.PutSession{Path: "/devices/f", Session: []byte{}},
	)
	commit(t, s,
		broker.PutEntry{Queue: "q", Entry: entry(1, "changed")},
		broker.RemoveEntry{Queue: "empty", Sequence: 7},
		broker.RemoveEntry{Queue: "empty", Sequence: 8},
		broker.RemoveRecord{Key: "k1"},
		broker.PutRecord{Record: record},
		broker.PutIdentity{ID: broker.ID{Device: "d"}, Document: []byte("changed")},
		broker.RemoveIdentity{ID: broker.ID{Device: "e"}},
		broker.RemoveIdentity{ID: broker.ID{Device: "never"}},
		broker.PutSession{Path: "/devices/d", Session: []byte("s3")},
		broker.RemoveSession{Path: "/devices/e"},
		broker.RemoveSession{Path: "/devices/nobody"},
	)
	want := &broker.State{
		Queues: map[string]broker.QueueState{
			"q":     {Last: 2, Entries: []broker.Entry{entry(1, "changed"), entry(2, "two")}},
			"empty": {Last: 7},
		},
		Records:     []broker.Record{record},
		Generations: map[string]string{"/devices/d": "123"},
		Identities:  map[string][]byte{"/devices/d": []byte("changed"), "/devices/d/modules/m": []byte("module")},
		Sessions:    map[string][]byte{"/devices/d": []byte("s3"), "/devices/f": {}},
	}
	for range 2 {
		if diff := cmp.Diff(want, load(t, s)); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
		closeStore(t, s)
		s = open(t, dir)
	}
	closeStore(t, s)
	if err := try(s, nil); !errors.Is(err, errClosed) {
		t.Errorf("commit after close: %v", err)
	}
}

type badCodec struct{ plain }

func (badCodec) Encode(*broker.Message) ([]byte, error) { return nil, errIO }

type strange struct{ broker.Change }

// TestChangesThatCannotBeWritten checks that the disk is not blamed for them.
func TestChangesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s, disk := onBadDisk(t, t.TempDir())
	before := disk.opened
	if err := try(s, []broker.Change{strange{}}); err == nil || !strings.Contains(err.Error(), "unknown change store.strange") {
		t.Errorf("commit = %v", err)
	}
	s.codec = badCodec{}
	if err := try(s, putOne(1, "one")); !errors.Is(err, errIO) {
		t.Errorf("commit = %v, want %v", err, errIO)
	}
	if disk.opened != before {
		t.Error("the file was opened anew")
	}
	closeStore(t, s)
	closeStore(t, s) // once more does no harm
}
