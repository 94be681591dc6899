package broker

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sessionJournal has kept sessions, notes their changes, or fails.
type sessionJournal struct {
	kept    map[string][]byte
	changes []Change
	err     error
}

func (j *sessionJournal) Load() (*State, error) { return &State{Sessions: j.kept}, nil }

func (j *sessionJournal) Commit(changes []Change, done func(error)) { done(j.commit(changes)) }

func (j *sessionJournal) commit(changes []Change) error {
	if j.err != nil {
		return j.err
	}
	for _, c := range changes {
		switch c.(type) {
		case PutSession, RemoveSession, RemoveIdentity:
			j.changes = append(j.changes, c)
		}
	}
	return nil
}

func mailboxOn(t *testing.T, j Journal, id ID) *Mailbox {
	t.Helper()
	h := start(t, Options{Journal: j}, id.Device)
	t.Cleanup(h.Close)
	return h.box(id)
}

func TestSessionIsKept(t *testing.T) {
	t.Parallel()
	j := &sessionJournal{kept: map[string][]byte{"/devices/d/modules/m": []byte("old")}}
	m := mailboxOn(t, j, ID{Device: "d", Module: "m"})
	for _, step := range []struct {
		session, want []byte
		err           error
	}{
		{[]byte("old"), []byte("old"), nil}, // nothing to write
		{[]byte("new"), []byte("new"), nil},
		{[]byte("newer"), []byte("new"), errors.New("disk full")},
		{nil, []byte("new"), errors.New("disk full")},
		{nil, nil, nil},
		{nil, nil, nil},
		{[]byte{}, []byte{}, nil},
	} {
		j.err = step.err
		if err := m.KeepSession(step.session); !errors.Is(err, step.err) {
			t.Errorf("keep %q: %v, want %v", step.session, err, step.err)
		}
		if diff := cmp.Diff(step.want, m.Session()); diff != "" {
			t.Errorf("after %q (-want +got):\n%s", step.session, diff)
		}
	}
	const path = "/devices/d/modules/m"
	want := []Change{PutSession{path, []byte("new")}, RemoveSession{path}, PutSession{path, []byte{}}}
	if diff := cmp.Diff(want, j.changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestLostLocks checks which tokens are found to settle nothing any more.
func TestLostLocks(t *testing.T) {
	t.Parallel()
	m := mailboxOn(t, nil, ID{Device: "d"})
	var tokens []LockToken
	for range 3 {
		if err := m.Put(&Message{}); err != nil {
			t.Fatal(err)
		}
		d, _ := m.Take()
		tokens = append(tokens, d.Token)
	}
	if lost := m.Lost(tokens); len(lost) > 0 {
		t.Errorf("lost %v, want none", lost)
	}
	if err := m.Settle(tokens[1], Complete); err != nil {
		t.Fatal(err)
	}
	m.Release(tokens[:1])
	if diff := cmp.Diff([]LockToken{tokens[0], tokens[1]}, m.Lost(tokens)); diff != "" {
		t.Errorf("lost (-want +got):\n%s", diff)
	}
}

// TestSessionEndsWithTheDevice checks that the next device of the same name finds
// neither the session nor what a door remembers, even if the door is late.
func TestSessionEndsWithTheDevice(t *testing.T) {
	t.Parallel()
	j := &sessionJournal{}
	h := start(t, Options{Journal: j}, "d")
	defer h.Close()
	id := ID{Device: "d"}
	old := h.box(id)
	if err := old.KeepSession([]byte("s")); err != nil {
		t.Fatal(err)
	}
	old.Memory(func() any { return "old" })
	if got := old.Memory(func() any { return "new" }); got != "old" {
		t.Errorf("it remembers %v, want what was first", got)
	}
	if err := h.Unregister(id); err != nil {
		t.Fatal(err)
	}
	if err := old.KeepSession([]byte("late")); !errors.Is(err, errGone) {
		t.Errorf("kept for a device that is gone: %v", err)
	}
	if err := h.Register(PutIdentity{ID: id}); err != nil {
		t.Fatal(err)
	}
	if m := h.box(id); m.Session() != nil || m.Memory(func() any { return "new" }) != "new" {
		t.Error("the next device has something of the one before")
	}
	want := []Change{PutSession{"/devices/d", []byte("s")}, RemoveIdentity{id}}
	if diff := cmp.Diff(want, j.changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
