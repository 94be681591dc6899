package localhub

import (
	"cmp"
	"crypto/rand"
	"errors"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// status is the final state of a message, spelled as in delivery feedback.
type status string

const (
	statusSuccess               status = "Success"
	statusExpired               status = "Expired"
	statusDeliveryCountExceeded status = "DeliveryCountExceeded"
	statusRejected              status = "Rejected"
	statusPurged                status = "Purged"
)

// settlement is what a receiver does with a message that it holds.
type settlement int

const (
	complete settlement = iota
	abandon             // give it back; this counts as a delivery
	reject              // dead-letter it
	release             // give it back as if it had not been delivered
)

var (
	errQueueFull = errors.New("queue is full")
	errLockLost  = errors.New("message lock lost")
)

// lockToken names one delivery of a message, and is its AMQP delivery tag.
type lockToken [16]byte

func newLockToken() (t lockToken) {
	_, _ = rand.Read(t[:]) // documented never to fail
	return t
}

// entry is a message in a queue. Its fields belong to the queue's lock, except
// those that never change.
type entry struct {
	message       *amqpwire.Message // never changes
	sequence      uint64            // never changes
	enqueued      time.Time         // never changes
	expires       time.Time         // never changes
	deliveryCount int               // abandons so far (and lost locks, if they count)
	lockedUntil   time.Time         // while it is delivered
	records       []string          // never changes: keys of the feedback records in it
}

func bySequence(a, b *entry) int { return cmp.Compare(a.sequence, b.sequence) }
