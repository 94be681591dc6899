package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/localhub/broker"
)

// op sets one key of a bucket, or removes it.
type op struct {
	bucket string
	key    []byte
	value  []byte // sealed; nil: none
}

func put(bucket string, key, payload []byte) op {
	return op{bucket, key, seal(bucket, key, payload)}
}

// storedEntry is an entry on disk.
type storedEntry struct {
	Message       []byte    `json:"message"` // as the codec has it
	Enqueued      time.Time `json:"enqueued"`
	Expires       time.Time `json:"expires"`
	DeliveryCount int       `json:"deliveryCount,omitempty"`
}

// ops translates changes.
func (s *Store) ops(changes []broker.Change) (ops []op, err error) {
	for _, c := range changes {
		if c, ok := c.(broker.RemoveIdentity); ok {
			path := []byte(c.ID.Path())
			for _, bucket := range []string{bucketIdentities, bucketGenerations, bucketSequences, bucketSessions} {
				ops = append(ops, op{bucket, path, nil})
			}
			continue
		}
		o, err := s.op(c)
		if err != nil {
			return nil, err
		}
		ops = append(ops, o)
	}
	return ops, nil
}

func (s *Store) op(c broker.Change) (op, error) {
	switch c := c.(type) {
	case broker.PutEntry:
		return s.putEntry(c)
	case broker.RemoveEntry:
		return op{bucketEntries, entryKey(c.Queue, c.Sequence), nil}, nil
	case broker.PutSequence:
		return put(bucketSequences, []byte(c.Queue), number(c.Last)), nil
	case broker.PutRecord:
		payload, err := json.Marshal(c.Record)
		return put(bucketRecords, []byte(c.Record.Key), payload), err
	case broker.RemoveRecord:
		return op{bucketRecords, []byte(c.Key), nil}, nil
	case broker.PutGeneration:
		return put(bucketGenerations, []byte(c.Path), []byte(c.Generation)), nil
	case broker.PutIdentity:
		return put(bucketIdentities, []byte(c.ID.Path()), c.Document), nil
	case broker.PutSession:
		return put(bucketSessions, []byte(c.Path), c.Session), nil
	case broker.RemoveSession:
		return op{bucketSessions, []byte(c.Path), nil}, nil
	}
	return op{}, fmt.Errorf("unknown change %T", c)
}

func (s *Store) putEntry(c broker.PutEntry) (op, error) {
	message, err := s.codec.Encode(c.Entry.Message)
	if err != nil {
		return op{}, err
	}
	payload, err := json.Marshal(storedEntry{message, c.Entry.Enqueued, c.Entry.Expires, c.Entry.DeliveryCount})
	return put(bucketEntries, entryKey(c.Queue, c.Entry.Sequence), payload), err
}

// entryKey sorts the entries of a queue by sequence number.
func entryKey(queue string, sequence uint64) []byte {
	return append([]byte(queue), number(sequence)...)
}

// splitEntryKey is the inverse of entryKey.
func splitEntryKey(key []byte) (queue string, sequence uint64, ok bool) {
	at := len(key) - 8
	if at < 0 {
		return "", 0, false
	}
	return string(key[:at]), binary.BigEndian.Uint64(key[at:]), true
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// apply carries out the ops, and returns those that take them back.
func apply(tx *bbolt.Tx, ops []op) (undo []op, err error) {
	more := make(map[string]int) // keys in each bucket
	for _, o := range ops {
		b := tx.Bucket([]byte(o.bucket))
		old := bytes.Clone(b.Get(o.key))
		undo = append(undo, op{o.bucket, o.key, old})
		if old != nil {
			more[o.bucket]--
		}
		if o.value == nil {
			err = b.Delete(o.key)
		} else {
			more[o.bucket]++
			err = b.Put(o.key, o.value)
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Reverse(undo)
	return undo, recount(tx, more)
}
