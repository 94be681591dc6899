package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/localhub/broker"
)

// Codec turns messages into bytes and back.
type Codec interface {
	Encode(*broker.Message) ([]byte, error)
	Decode([]byte) (*broker.Message, error)
}

// Store is a [broker.Journal] in a file. Every commit is one transaction, and on
// disk when it returns: the hub may be killed at any moment.
type Store struct {
	path  string
	codec Codec

	mu sync.Mutex
	db *bbolt.DB // nil if it is closed
}

// Open opens the store in dir, a new one if there is none. Its messages are
// encoded by codec.
func Open(dir string, codec Codec) (*Store, error) {
	if err := makeDirectory(dir); err != nil {
		return nil, err
	}
	s := &Store{path: filepath.Join(dir, "hub.db"), codec: codec}
	if err := guard(s.open); err != nil {
		return nil, fmt.Errorf("open %s: %w", s.path, err)
	}
	return s, nil
}

func (s *Store) open() error {
	const patience = time.Second // for another hub to let go of the file
	db, err := openFile(s.path, patience)
	if err != nil {
		return err
	}
	if err := db.Update(s.prepare); err != nil {
		return errors.Join(err, db.Close())
	}
	s.db = db
	return nil
}

var errClosed = errors.New("the store is closed")

// ready returns why the file cannot be used, nil if it can. Called with mu held.
func (s *Store) ready() error {
	if s.db == nil {
		return errClosed
	}
	return nil
}

// Commit makes the changes in one transaction.
func (s *Store) Commit(changes []broker.Change) error {
	ops, err := s.ops(changes)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		_, err := apply(tx, ops)
		return err
	})
}

// Close closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	return db.Close()
}
