package store

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// openFile opens a file whose pages have been found whole, a new one if there is
// none. It waits for a while if another hub has it.
func openFile(path string, patience time.Duration) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: patience})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, errors.New("another hub is using it")
	}
	return db, err
}

// guard runs f, which uses the file. bbolt maps the file into memory and trusts
// it: a damaged one can make it panic, or the very memory fault, if the disk fails
// under it for one. This is a belt; the page check is the pair of braces.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if damage := recover(); damage != nil {
			err = damaged("%v", damage)
		}
	}()
	return f()
}

func makeDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}
