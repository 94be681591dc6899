package broker

import (
	"cmp"
	"crypto/rand"
	"errors"
	"time"
)

// Errors of a [Queue].
var (
	ErrQueueFull = errors.New("queue is full")
	ErrLockLost  = errors.New("message lock lost")

	errGone = errors.New("the device is gone")
	errHeld = errors.New("the message is held") // by a step
)

// LockToken names one delivery of a message. IoT Hub's is a GUID.
type LockToken [16]byte

func newLockToken() (t LockToken) {
	_, _ = rand.Read(t[:]) // documented never to fail
	return t
}

// Entry is a message in a queue.
type Entry struct {
	Message       *Message
	Sequence      uint64 // from 1, in the order of the queue
	Enqueued      time.Time
	Expires       time.Time
	DeliveryCount int // abandons so far (and lost locks, if they count)
}

// Delivery is an entry that is locked for the receiver that has taken it.
type Delivery struct {
	Entry
	Token LockToken // settles it
}

// entry is an [Entry] and what only the queue knows of it. It belongs to the
// queue's lock, but for the sequence number and a device's message, which never
// change.
type entry struct {
	Entry
	lockedUntil time.Time // while it is delivered
	records     int       // in a feedback message that takes more of them, else 0
	held        bool      // by a step: nothing may happen to it
}

// deadline is when something happens to the message by itself.
func (e *entry) deadline() time.Time {
	if e.lockedUntil.IsZero() {
		return e.Expires
	}
	return e.lockedUntil
}

func bySequence(a, b *entry) int { return cmp.Compare(a.Sequence, b.Sequence) }

// ending is a message that has ended, how, and the feedback on it: nil if nobody
// wants any.
type ending struct {
	entry  *entry
	status Status
	record *Record
}

// changes returns what the journal of the given queue is to do about it.
func (x ending) changes(queue string) []Change {
	changes := []Change{RemoveEntry{queue, x.entry.Sequence}}
	if x.record != nil {
		changes = append(changes, PutRecord{*x.record})
	}
	return changes
}
