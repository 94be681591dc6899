package localhub

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// openStore opens the store in dir, a new one if there is none.
func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	path := filepath.Join(dir, "hub.db")
	db, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &store{db}, nil
}

// openFile opens the file, reads all of it and writes to it. bbolt maps it into
// memory and trusts it, so a damaged one makes it panic, or the very memory
// fault: better here than in the middle of the work. Such a file stays open, for
// bbolt may hold its own locks; no hub comes of it, and the process will end.
func openFile(path string) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if damage := recover(); damage != nil {
			db, err = nil, fmt.Errorf("the file is damaged: %v", damage)
		}
	}()
	const patience = time.Second // for another hub to let go of the file
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: patience})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, errors.New("another hub is using it")
	case err != nil:
		return nil, err
	}
	if err = db.View(readAll); err == nil {
		err = db.Update(prepare)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// readAll touches every byte of all buckets.
func readAll(tx *bbolt.Tx) error {
	return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error { return readBucket(b) })
}

func readBucket(b *bbolt.Bucket) error {
	return b.ForEach(func(key, value []byte) error {
		if value == nil {
			return readBucket(b.Bucket(key))
		}
		_, _ = crc32.ChecksumIEEE(key), crc32.ChecksumIEEE(value)
		return nil
	})
}

// prepare makes the buckets of a new store.
func prepare(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketQueues, bucketRecords, bucketGenerations} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return nil
}
