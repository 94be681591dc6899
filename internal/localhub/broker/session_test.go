package broker

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sessionJournal keeps sessions, or fails.
type sessionJournal struct {
	kept    map[string][]byte
	changes []Change
	err     error
}

func (j *sessionJournal) Load() (*State, error) { return &State{Sessions: j.kept}, nil }

func (j *sessionJournal) Commit(changes []Change) error {
	if j.err == nil {
		j.changes = append(j.changes, changes...)
	}
	return j.err
}

func mailboxOn(t *testing.T, j Journal, id ID) *Mailbox {
	t.Helper()
	b, err := New(Options{Devices: []string{id.Device}, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	m, refused := b.Mailbox(id)
	if refused != nil {
		t.Fatal(refused)
	}
	return m
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
