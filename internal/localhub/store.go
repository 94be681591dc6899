package localhub

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/amqpwire"
)

// store keeps a hub's queues and feedback over a restart, in one file. Every
// change is on disk when its method returns, and each is one transaction: the
// hub may be killed at any moment.
//
// A message that ends leaves its feedback record in the same transaction; the
// record leaves for a feedback message in another. Locks are not kept: nobody
// is left to hold them.
type store struct{ db *bbolt.DB }

// The buckets: in queues there is one for each queue, with its entries by
// sequence number; in records, the feedback records that no feedback message
// holds yet; in generations, the generation id of each device.
var (
	bucketQueues      = []byte("queues")
	bucketRecords     = []byte("records")
	bucketGenerations = []byte("generations")
)

// feedbackQueueName is no device's: ids have no slash at the start.
const feedbackQueueName = "/feedback"

func (s *store) close() error { return s.db.Close() }

// storedEntry is an entry on disk.
type storedEntry struct {
	Message       []byte    `json:"message"` // AMQP
	Enqueued      time.Time `json:"enqueued"`
	Expires       time.Time `json:"expires"`
	DeliveryCount int       `json:"deliveryCount,omitempty"`
}

func encodeEntry(e *entry) ([]byte, error) {
	message, err := e.message.Append(nil)
	if err != nil {
		return nil, err
	}
	return json.Marshal(storedEntry{message, e.enqueued, e.expires, e.deliveryCount})
}

func decodeEntry(key, value []byte) (*entry, error) {
	if len(key) != 8 {
		return nil, fmt.Errorf("the key has %d bytes", len(key))
	}
	var stored storedEntry
	if err := json.Unmarshal(value, &stored); err != nil {
		return nil, err
	}
	m, err := amqpwire.DecodeMessage(stored.Message)
	if err != nil {
		return nil, err
	}
	return &entry{
		message: m, sequence: binary.BigEndian.Uint64(key), enqueued: stored.Enqueued, expires: stored.Expires,
		deliveryCount: stored.DeliveryCount,
	}, nil
}

func sequenceKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// journal keeps one queue. record returns the feedback record of an entry that
// ended, if it is wanted; nil for a queue of which nobody is told.
type journal struct {
	store  *store
	queue  string
	record func(e *entry, s status) (feedbackRecord, bool)
}

// save keeps a new entry, or a change to one. It takes the records off the list
// that have gone into the entry.
func (j *journal) save(e *entry) error {
	if j == nil {
		return nil
	}
	value, err := encodeEntry(e)
	if err != nil {
		return err
	}
	return j.store.db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.Bucket(bucketQueues).CreateBucketIfNotExists([]byte(j.queue))
		if err != nil {
			return err
		}
		if e.sequence > bucket.Sequence() {
			if err := bucket.SetSequence(e.sequence); err != nil {
				return err
			}
		}
		for _, key := range e.records {
			if err := tx.Bucket(bucketRecords).Delete([]byte(key)); err != nil {
				return err
			}
		}
		return bucket.Put(sequenceKey(e.sequence), value)
	})
}

// finish removes an entry that has ended, and keeps its feedback record.
func (j *journal) finish(e *entry, s status) error {
	if j == nil {
		return nil
	}
	return j.store.db.Update(func(tx *bbolt.Tx) error {
		if bucket := tx.Bucket(bucketQueues).Bucket([]byte(j.queue)); bucket != nil {
			if err := bucket.Delete(sequenceKey(e.sequence)); err != nil {
				return err
			}
		}
		if j.record == nil {
			return nil
		}
		r, wanted := j.record(e, s)
		if !wanted {
			return nil
		}
		value, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return tx.Bucket(bucketRecords).Put([]byte(r.key), value)
	})
}

// load returns what a queue held: the last sequence number, and the entries by
// theirs.
func (j *journal) load() (last uint64, entries []*entry, err error) {
	if j == nil {
		return 0, nil, nil
	}
	err = j.store.db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketQueues).Bucket([]byte(j.queue))
		if bucket == nil {
			return nil
		}
		last = bucket.Sequence()
		return bucket.ForEach(func(key, value []byte) error {
			e, err := decodeEntry(key, value)
			if err != nil {
				return fmt.Errorf("queue %s, message %x: %w", j.queue, key, err)
			}
			entries = append(entries, e)
			return nil
		})
	})
	return last, entries, err
}

// records returns the feedback records that no feedback message holds.
func (s *store) records() (records []feedbackRecord, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketRecords).ForEach(func(key, value []byte) error {
			var r feedbackRecord
			if err := json.Unmarshal(value, &r); err != nil {
				return fmt.Errorf("feedback record %q: %w", key, err)
			}
			r.key = string(key)
			records = append(records, r)
			return nil
		})
	})
	return records, err
}

// generation returns the generation id that a device was given when it was
// first seen, which is fresh if that is now.
func (s *store) generation(id identity, fresh string) (generation string, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketGenerations)
		if kept := bucket.Get([]byte(id.String())); kept != nil {
			generation = string(kept)
			return nil
		}
		generation = fresh
		return bucket.Put([]byte(id.String()), []byte(fresh))
	})
	return generation, err
}

// queues returns the names of the queues of devices that have been kept.
func (s *store) queues() (names []string, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketQueues).ForEachBucket(func(name []byte) error {
			if string(name) != feedbackQueueName {
				names = append(names, string(name))
			}
			return nil
		})
	})
	return names, err
}
