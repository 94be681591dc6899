package store

import (
	"sync"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/localhub/broker"
)

// commits are what waits for the next transaction.
type commits struct {
	mu      sync.Mutex
	line    []request
	working bool // a goroutine takes them out
	closed  bool
	worker  sync.WaitGroup
}

type request struct {
	ops  []op
	done func(error)
}

// maxGroup is how many ops a transaction has at most, unless they are of one
// commit.
const maxGroup = 4096

// Commit makes the changes in one transaction, together with whatever else waits
// while the one before is written: a disk takes about as long for many as for one.
// They succeed or fail together. If they fail they are not made, not even if the
// disk has them: then they are taken back before anything else is written. Only if
// the disk fails until the process ends can they be there at the next start, in
// doubt: nothing that was accepted is missing even then.
func (s *Store) Commit(changes []broker.Change, done func(error)) {
	ops, err := s.ops(changes)
	switch {
	case err != nil:
		done(s.failed("encode for", err))
	case !s.enqueue(request{ops, done}):
		done(s.failed("write", errClosed))
	}
}

// enqueue puts a request in line, and sees to it that somebody takes it out. It
// reports false if the store is closed.
func (s *Store) enqueue(r request) bool {
	l := &s.commits
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.line = append(l.line, r)
	if !l.working {
		l.working = true
		l.worker.Go(s.work)
	}
	return true
}

// work is the goroutine of a store that has something to write: it makes groups of
// the commits that wait until there are none, and answers them in their order.
func (s *Store) work() {
	for group := s.commits.next(); group != nil; group = s.commits.next() {
		err := s.write(group)
		for _, r := range group {
			r.done(err)
		}
	}
}

// next takes a group out of the line. If there is none, the worker is to end.
func (l *commits) next() (group []request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for size := 0; n < len(l.line) && (n == 0 || size+len(l.line[n].ops) <= maxGroup); n++ {
		size += len(l.line[n].ops)
	}
	group, l.line = l.line[:n:n], l.line[n:]
	if n == 0 {
		l.working, l.line = false, nil
		return nil
	}
	return group
}

// close waits for all commits, and lets no more in.
func (l *commits) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.worker.Wait()
}

func (s *Store) write(group []request) error {
	var ops []op
	for _, r := range group {
		ops = append(ops, r.ops...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.ready()
	if err == nil {
		err = s.commit(ops)
	}
	if err != nil {
		return s.failed("write", err)
	}
	return nil
}

func (s *Store) commit(ops []op) error {
	var undo []op
	err := s.transact(func(tx *bbolt.Tx) (err error) {
		undo, err = apply(tx, ops)
		return err
	})
	if err != nil {
		s.doubt.undo = undo
		_ = s.ready() // if it fails, the next commit tries again
	}
	return err
}
