package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/localhub/broker"
)

var errIO = errors.New("input/output error")

// badDisk is a disk that fails as it is told to.
type badDisk struct {
	open   bool        // the file cannot be opened
	commit commitFault // of the next transactions
	opened int
}

type commitFault int

const (
	healthy commitFault = iota
	unmade              // as if the data could not be written
	made                // as if the last sync had failed: the changes can be read
)

func (d *badDisk) openFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	if d.open {
		return nil, errIO
	}
	d.opened++
	return os.OpenFile(name, flag, perm)
}

func (d *badDisk) update(db *bbolt.DB, f func(*bbolt.Tx) error) error {
	switch d.commit {
	case unmade:
		return db.Update(func(tx *bbolt.Tx) error { return errors.Join(f(tx), errIO) })
	case made:
		return errors.Join(db.Update(f), errIO)
	}
	return db.Update(f)
}

// onBadDisk opens a store on a disk that is healthy for now.
func onBadDisk(t *testing.T, dir string) (*Store, *badDisk) {
	t.Helper()
	disk := new(badDisk)
	s := newStore(dir, plain{})
	s.options = bbolt.Options{OpenFile: disk.openFile, NoSync: true}
	s.update = disk.update
	if err := s.open(patience, s.prepare); err != nil {
		t.Fatal(err)
	}
	return s, disk
}

func putOne(n uint64, body string) []broker.Change {
	return []broker.Change{broker.PutEntry{Queue: "q", Entry: entry(n, body)}, broker.PutSequence{Queue: "q", Last: n}}
}

func wantBodies(t *testing.T, s *Store, want ...string) {
	t.Helper()
	var got []string
	for _, e := range load(t, s).Queues["q"].Entries {
		got = append(got, string(e.Message.Body))
	}
	if !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
}

// TestFailedCommitIsNotMade fails a commit, made and not made, with the file open
// again at once or later: what was refused is not there, what was accepted is.
func TestFailedCommitIsNotMade(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]badDisk{
		"not made":               {commit: unmade},
		"made":                   {commit: made},
		"not made, no reopening": {commit: unmade, open: true},
		"made, no reopening":     {commit: made, open: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, disk := onBadDisk(t, t.TempDir())
			commit(t, s, putOne(1, "one")...)
			commit(t, s, putOne(2, "two")...)
			disk.commit, disk.open = fault.commit, fault.open
			for range 3 {
				err := s.Commit(append(putOne(3, "three"), broker.RemoveEntry{Queue: "q", Sequence: 1}, putOne(2, "changed")[0]))
				if !errors.Is(err, errIO) || !strings.Contains(err.Error(), "write "+s.path) {
					t.Fatalf("commit: %v, want %v", err, errIO)
				}
			}
			disk.commit, disk.open = healthy, false
			commit(t, s, putOne(4, "four")...)
			wantBodies(t, s, "one", "two", "four")
			closeStore(t, s)
		})
	}
}

// TestFileIsOpenedAnewAtOnce counts how often the file is opened: each time to
// check it, and to use it.
func TestFileIsOpenedAnewAtOnce(t *testing.T) {
	t.Parallel()
	s, disk := onBadDisk(t, t.TempDir())
	commit(t, s, putOne(1, "one")...)
	before := disk.opened
	disk.commit = unmade
	if err := s.Commit(putOne(2, "two")); !errors.Is(err, errIO) {
		t.Fatal(err)
	}
	if n := disk.opened - before; n != 2 {
		t.Errorf("opened %d times after a failure, want 2", n)
	}
	disk.commit = healthy
	commit(t, s, putOne(2, "two")...)
	closeStore(t, s)
}

// TestRealWriteError takes the file away from under bbolt.
func TestRealWriteError(t *testing.T) {
	t.Parallel()
	var file *os.File
	s := newStore(t.TempDir(), plain{})
	s.options.OpenFile = func(name string, flag int, perm os.FileMode) (f *os.File, err error) {
		file, err = os.OpenFile(name, flag, perm)
		return file, err
	}
	if err := s.open(patience, s.prepare); err != nil {
		t.Fatal(err)
	}
	commit(t, s, putOne(1, "one")...)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(putOne(2, "two")); !errors.Is(err, os.ErrClosed) || strings.Count(err.Error(), s.path) != 1 {
		t.Errorf("commit: %v, want %v", err, os.ErrClosed)
	}
	commit(t, s, putOne(3, "three")...)
	wantBodies(t, s, "one", "three")
	closeStore(t, s)
}

// TestForeignChange lets another hub have the file while it is closed after a
// failure: the first one must not write to it any more.
func TestForeignChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, disk := onBadDisk(t, dir)
	commit(t, s, putOne(1, "one")...)
	disk.commit, disk.open = unmade, true
	if err := s.Commit(putOne(2, "two")); !errors.Is(err, errIO) {
		t.Fatal(err)
	}
	other := open(t, dir)
	disk.commit, disk.open = healthy, false
	if err := s.Commit(putOne(2, "two")); err == nil || !strings.Contains(err.Error(), "another hub is using it") {
		t.Errorf("commit = %v", err)
	}
	commit(t, other, broker.RemoveEntry{Queue: "q", Sequence: 1})
	commit(t, other, putOne(2, "other")...)
	closeStore(t, other)
	for range 2 {
		if err := s.Commit(putOne(2, "two")); !errors.Is(err, errForeign) {
			t.Errorf("commit = %v, want %v", err, errForeign)
		}
	}
	if err := s.Close(); !errors.Is(err, errForeign) {
		t.Errorf("close = %v, want %v", err, errForeign)
	}
	other = open(t, dir)
	wantBodies(t, other, "other")
	closeStore(t, other)
}

// TestCrashInCommit has bbolt panic: the commit fails, and so does each one after
// it.
func TestCrashInCommit(t *testing.T) {
	t.Parallel()
	s, _ := onBadDisk(t, t.TempDir())
	s.update = func(*bbolt.DB, func(*bbolt.Tx) error) error { panic("page 7 is gone") }
	for range 2 {
		if err := s.Commit(putOne(1, "one")); err == nil || !strings.HasSuffix(err.Error(), "the file is damaged: page 7 is gone") {
			t.Errorf("commit = %v", err)
		}
	}
	if err := s.Close(); err == nil {
		t.Error("close: no error")
	}
}

// openBytes opens a store on a file of the given bytes.
func openBytes(t testing.TB, b []byte) (*Store, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hub.db"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStore(dir, plain{})
	s.options.NoSync = true
	return s, s.open(patience, s.prepare)
}
