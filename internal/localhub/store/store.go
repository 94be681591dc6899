package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/localhub/broker"
)

// Codec turns messages into bytes and back. Many goroutines may call it at once.
type Codec interface {
	Encode(*broker.Message) ([]byte, error)
	Decode([]byte) (*broker.Message, error)
}

// Store is a [broker.Journal] in a file. Every commit is one transaction, and on
// disk when it returns: the hub may be killed at any moment.
type Store struct {
	path    string
	codec   Codec
	options bbolt.Options
	update  func(*bbolt.DB, func(*bbolt.Tx) error) error // bbolt's own, but for tests

	mu     sync.Mutex
	db     *bbolt.DB // nil: to be opened anew
	closed bool
	broken error // why the file must not be opened anew
	doubt  doubt
}

// Open opens the store in dir, a new one if there is none. Its messages are
// encoded by codec.
func Open(dir string, codec Codec) (*Store, error) {
	s := newStore(dir, codec)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := s.open(patience, s.prepare); err != nil {
		return nil, s.failed("open", err)
	}
	return s, nil
}

func newStore(dir string, codec Codec) *Store {
	return &Store{path: filepath.Join(dir, "hub.db"), codec: codec, update: (*bbolt.DB).Update}
}

// failed names the file, once.
func (s *Store) failed(doing string, err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		err = named.Err
	}
	return fmt.Errorf("%s %s: %w", doing, s.path, err)
}

// open opens the file, and believes it once a transaction has got through to the
// disk. Called with mu held, as are the methods below.
func (s *Store) open(patience time.Duration, first func(*bbolt.Tx) error) error {
	options := s.options
	options.Timeout = patience
	err := s.guard(func() (err error) {
		s.db, err = openFile(s.path, options)
		return err
	})
	if err != nil {
		s.db = nil
		return err
	}
	return s.transact(first)
}

// guard runs f, which uses the file, and gives the file up if bbolt crashes.
func (s *Store) guard(f func() error) error {
	err := guard(f)
	var c *crash
	if errors.As(err, &c) {
		s.broken, s.db = err, nil // it cannot even be closed
	}
	return err
}

// transact runs f in a transaction. If that fails, the file is closed: what is on
// the disk, and what bbolt takes for it, may differ.
func (s *Store) transact(f func(*bbolt.Tx) error) error {
	var id int
	err := s.guard(func() error {
		return s.update(s.db, func(tx *bbolt.Tx) error {
			id = tx.ID()
			return f(tx)
		})
	})
	if err == nil {
		s.doubt = doubt{last: id}
		return nil
	}
	s.doubt.attempts++
	if s.db != nil {
		_ = s.db.Close()
		s.db = nil
	}
	return err
}

// ready opens the file anew if need be, and takes back what a failed commit may
// have left in it.
func (s *Store) ready() error {
	switch {
	case s.closed:
		return errClosed
	case s.broken != nil:
		return s.broken
	case s.db != nil:
		return nil
	}
	err := s.open(noPatience, s.doubt.resolve)
	if errors.Is(err, errForeign) {
		s.broken = err
	}
	return err
}

var errClosed = errors.New("the store is closed")

// Commit makes the changes in one transaction. If it fails they are not made,
// not even if the disk has them: then they are taken back before anything else
// is written. Only if the disk fails until the process ends can they be there at
// the next start, in doubt: nothing that was accepted is missing even then.
func (s *Store) Commit(changes []broker.Change) error {
	ops, err := s.ops(changes)
	if err != nil {
		return s.failed("encode for", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = s.ready(); err == nil {
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

// Close closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	err := s.ready() // the last chance to take back what failed
	if err == nil {
		err = s.db.Close()
	}
	s.closed, s.db = true, nil
	if err != nil {
		return s.failed("close", err)
	}
	return nil
}
