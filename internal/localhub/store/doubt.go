package store

import (
	"errors"

	"go.etcd.io/bbolt"
)

// doubt is what is not known after a commit has failed: its changes may be on the
// disk or not, and if they can be read there, they may be in memory only. Whoever
// asked for them has been told that they are not made.
type doubt struct {
	last     int  // transaction that is known to be on the disk
	attempts int  // to write one since
	undo     []op // takes the changes back; it may be applied more than once
}

var errForeign = errors.New("another program has changed the file")

// resolve makes the file what it was after the last transaction. It writes in any
// case, so that what is read from now on is on the disk.
func (d *doubt) resolve(tx *bbolt.Tx) error {
	found := tx.ID() - 1
	if found < d.last || found > d.last+d.attempts {
		return errForeign
	}
	if found == d.last {
		return nil
	}
	_, err := apply(tx, d.undo)
	return err
}
