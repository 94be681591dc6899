package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/localhub/broker"
)

// gate is a disk on which each transaction waits until it is let through.
type gate struct {
	begun   chan struct{}
	through chan error // nil: it succeeds
}

func (g *gate) update(db *bbolt.DB, f func(*bbolt.Tx) error) error {
	g.begun <- struct{}{}
	if err := <-g.through; err != nil {
		return db.Update(func(tx *bbolt.Tx) error { return errors.Join(f(tx), err) })
	}
	return db.Update(f)
}

// pass lets a transaction through, with an error or none.
func (g *gate) pass(err error) {
	<-g.begun
	g.through <- err
}

func onGate(t *testing.T, dir string) (*Store, *gate) {
	t.Helper()
	s, _ := onBadDisk(t, dir)
	g := &gate{make(chan struct{}), make(chan error)}
	s.update = g.update
	return s, g
}

// answers collects what commits are answered, in order.
type answers struct {
	mu    sync.Mutex
	lines []string
	all   sync.WaitGroup
}

func (a *answers) of(name any) func(error) {
	a.all.Add(1)
	return func(err error) {
		defer a.all.Done()
		a.mu.Lock()
		defer a.mu.Unlock()
		a.lines = append(a.lines, fmt.Sprint(name, " ", err == nil))
	}
}

// take waits until all are answered.
func (a *answers) take() []string {
	a.all.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	lines := a.lines
	a.lines = nil
	return lines
}

func (a *answers) soFar() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.lines)
}

func (a *answers) putAll(s *Store, from, to uint64) {
	for n := from; n <= to; n++ {
		s.Commit(putOne(n, fmt.Sprint("body ", n)), a.of(n))
	}
}

// TestCommitsAreJoined checks that what waits while a transaction is written is the
// next one, and is answered in its order.
func TestCommitsAreJoined(t *testing.T) {
	t.Parallel()
	s, g := onGate(t, t.TempDir())
	var a answers
	a.putAll(s, 1, 1)
	<-g.begun
	a.putAll(s, 2, 5)
	if got := a.soFar(); len(got) != 0 {
		t.Errorf("answers %q before anything was written", got)
	}
	g.through <- nil
	g.pass(nil)
	if got, want := a.take(), []string{"1 true", "2 true", "3 true", "4 true", "5 true"}; !slices.Equal(got, want) {
		t.Errorf("answers %q, want %q", got, want)
	}
	wantBodies(t, s, "body 1", "body 2", "body 3", "body 4", "body 5")
	closeStore(t, s)
}

// TestGroupFailsAsOne checks that all commits of a transaction that fails are
// refused, none is made, and those of the next one are.
func TestGroupFailsAsOne(t *testing.T) {
	t.Parallel()
	s, g := onGate(t, t.TempDir())
	var a answers
	a.putAll(s, 1, 1)
	<-g.begun
	a.putAll(s, 2, 4)
	g.through <- nil
	<-g.begun
	s.Commit([]broker.Change{broker.RemoveEntry{Queue: "q", Sequence: 1}}, a.of("remove"))
	a.putAll(s, 5, 5)
	g.through <- errIO
	g.pass(nil) // takes nothing back, but makes sure
	g.pass(nil)
	want := []string{"1 true", "2 false", "3 false", "4 false", "remove true", "5 true"}
	if got := a.take(); !slices.Equal(got, want) {
		t.Errorf("answers %q, want %q", got, want)
	}
	wantBodies(t, s, "body 5")
	closeStore(t, s)
}

// TestGroupIsBounded has more commits wait than one transaction takes.
func TestGroupIsBounded(t *testing.T) {
	t.Parallel()
	s, g := onGate(t, t.TempDir())
	many := make([]broker.Change, maxGroup/2)
	for i := range many {
		many[i] = broker.RemoveRecord{Key: fmt.Sprint(i)}
	}
	var a answers
	s.Commit(slices.Concat(many, many, many), a.of("huge"))
	<-g.begun
	for i := range 3 {
		s.Commit(many, a.of(i))
	}
	g.through <- nil // the huge one
	g.pass(nil)      // two
	g.pass(nil)      // and one
	if got, want := a.take(), []string{"huge true", "0 true", "1 true", "2 true"}; !slices.Equal(got, want) {
		t.Errorf("answers %q, want %q", got, want)
	}
	closeStore(t, s)
}

// TestCloseWaitsForCommits closes a store that has much to write.
func TestCloseWaitsForCommits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	var a answers
	a.putAll(s, 1, 50)
	closeStore(t, s)
	a.putAll(s, 51, 51)
	answered := a.soFar()
	if len(answered) != 51 || answered[49] != "50 true" || answered[50] != "51 false" {
		t.Errorf("answers %q, want 50 good ones and a bad one", answered)
	}
	s = open(t, dir)
	if got := len(load(t, s).Queues["q"].Entries); got != 50 {
		t.Errorf("%d entries are kept, want 50", got)
	}
	closeStore(t, s)
}
