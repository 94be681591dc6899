package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/localhub/broker"
)

// Load returns all that is kept. It fails if any of it is damaged.
func (s *Store) Load() (state *broker.State, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, err
	}
	err = s.guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			state, err = s.read(tx)
			return err
		})
	})
	if err != nil {
		return nil, s.failed("read", err)
	}
	return state, nil
}

func (s *Store) read(tx *bbolt.Tx) (*broker.State, error) {
	state := &broker.State{
		Queues: make(map[string]broker.QueueState), Generations: make(map[string]string),
		Identities: make(map[string][]byte), Sessions: make(map[string][]byte),
	}
	readers := map[string]func(key, payload []byte) error{
		bucketEntries: func(key, payload []byte) error { return s.readEntry(state, key, payload) },
		bucketSequences: func(key, payload []byte) error {
			if len(payload) != 8 {
				return errChecksum
			}
			q := state.Queues[string(key)]
			q.Last = binary.BigEndian.Uint64(payload)
			state.Queues[string(key)] = q
			return nil
		},
		bucketRecords: func(key, payload []byte) error {
			r := broker.Record{Key: string(key)}
			err := json.Unmarshal(payload, &r)
			state.Records = append(state.Records, r)
			return err
		},
		bucketGenerations: func(key, payload []byte) error {
			state.Generations[string(key)] = string(payload)
			return nil
		},
		bucketIdentities: func(key, payload []byte) error {
			state.Identities[string(key)] = bytes.Clone(payload) // bbolt's memory ends with the transaction
			return nil
		},
		bucketSessions: func(key, payload []byte) error {
			state.Sessions[string(key)] = bytes.Clone(payload)
			return nil
		},
	}
	for _, bucket := range sealed {
		if err := readBucket(tx, bucket, readers[bucket]); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// readBucket reads all values of a bucket, none of which may be damaged or
// missing.
func readBucket(tx *bbolt.Tx, bucket string, read func(key, payload []byte) error) error {
	var found uint64
	err := tx.Bucket([]byte(bucket)).ForEach(func(key, value []byte) error {
		found++
		payload, err := unseal(bucket, key, value)
		if err == nil {
			err = read(key, payload)
		}
		if err != nil {
			return damaged("%s: %w", describe(bucket, key), err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	want, err := count(tx, bucket)
	if err == nil && found != want {
		err = damaged("it has %d %s, not %d", found, bucket, want)
	}
	return err
}

// describe names a key for people.
func describe(bucket string, key []byte) string {
	if queue, sequence, ok := splitEntryKey(key); ok && bucket == bucketEntries {
		return fmt.Sprintf("queue %.40q, message %d", queue, sequence)
	}
	return fmt.Sprintf("%s, %.40q", bucket, key)
}

func (s *Store) readEntry(state *broker.State, key, payload []byte) error {
	queue, sequence, ok := splitEntryKey(key)
	if !ok {
		return errChecksum
	}
	e, err := s.decodeEntry(sequence, payload)
	q := state.Queues[queue]
	q.Entries = append(q.Entries, e)
	state.Queues[queue] = q
	return err
}

func (s *Store) decodeEntry(sequence uint64, payload []byte) (e broker.Entry, err error) {
	var stored storedEntry
	if err := json.Unmarshal(payload, &stored); err != nil {
		return e, err
	}
	m, err := s.codec.Decode(stored.Message)
	return broker.Entry{
		Message: m, Sequence: sequence, Enqueued: stored.Enqueued, Expires: stored.Expires, DeliveryCount: stored.DeliveryCount,
	}, err
}
