package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// openFile opens the file, a new one if there is none, once its pages have been
// found whole. It waits for a while if another hub has it.
func openFile(path string, o bbolt.Options) (*bbolt.DB, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0:
		return createFile(path, o)
	case err != nil:
		return nil, err
	}
	if err := checkFile(path, o); err != nil {
		return nil, err
	}
	return openBolt(path, o)
}

// createFile has bbolt make the file, and the directory keep its name.
func createFile(path string, o bbolt.Options) (*bbolt.DB, error) {
	db, err := openBolt(path, o)
	if err != nil {
		return nil, err
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

func syncDirectory(path string) error {
	if runtime.GOOS == "windows" {
		return nil // it cannot, and need not
	}
	dir, err := os.Open(path) //nolint:gosec // G304: the path is the user's own
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // only read
	return dir.Sync()
}

// checkFile checks the pages of the file. While bbolt has it open to read, no hub
// writes to it; bbolt looks at nothing but the meta pages then.
func checkFile(path string, o bbolt.Options) error {
	o.ReadOnly = true
	db, err := openBolt(path, o)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()            // nothing was written by it
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // G304: the path is the user's own
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // what was written is synced
	info, err := file.Stat()
	if err != nil {
		return err
	}
	m, err := checkPages(file, info.Size())
	if err != nil {
		return err
	}
	return secure(file, m.pageSize)
}

// secure writes the meta pages once more as they are, and syncs them. If the last
// sync failed, the newer one may be in memory only, though the system believes
// that it is on the disk; the next transaction would write over pages that the
// older one, on the disk, still needs.
func secure(file *os.File, pageSize uint64) error {
	b := make([]byte, 2*pageSize)
	if _, err := file.ReadAt(b, 0); err != nil {
		return err
	}
	if _, err := file.WriteAt(b, 0); err != nil {
		return err
	}
	return file.Sync()
}

func openBolt(path string, o bbolt.Options) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &o)
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, errors.New("another hub is using it")
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, damaged("%w", err)
	}
	return nil, err
}

// crash is what bbolt panicked with. It may hold its own locks since.
type crash struct{ value any }

func (c *crash) Error() string { return fmt.Sprintf("the file is damaged: %v", c.value) }

// guard runs f, which uses the file. bbolt maps the file into memory, where a disk
// that fails makes the very memory fault, and panics if a page is not what it
// must be. The page check leaves little of that to happen.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if value := recover(); value != nil {
			err = &crash{value}
		}
	}()
	return f()
}

// How long to wait for another hub to let go of the file.
const (
	patience   = time.Second
	noPatience = time.Nanosecond // one attempt: a queue waits
)
