package store

import (
	"encoding/json"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"iothub-c2d/internal/localhub/broker"
)

// later are the buckets that files of an older format do not have yet, by its
// number.
var later = map[string][]string{
	"2": {bucketIdentities, bucketSessions},
	"3": {bucketSessions},
}

// addBuckets makes today's format of one that has fewer buckets.
func addBuckets(tx *bbolt.Tx, names, missing []string) error {
	old := slices.DeleteFunc(slices.Clone(sealed), func(name string) bool { return slices.Contains(missing, name) })
	if err := checkBuckets(names, old); err != nil {
		return err
	}
	for _, name := range missing {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	return putFormat(tx)
}

// Format 1 has a bucket in queues for each queue, named device or device/module,
// whose own number is the last sequence number; records and generations as
// today, no identities and no sessions. There are no checksums.
const (
	bucketQueues1 = "queues"
	feedback1     = "/feedback" // name of the feedback queue
)

// upgrade makes today's format of format 1.
func (s *Store) upgrade(tx *bbolt.Tx, names []string) error {
	old := []string{bucketGenerations, bucketQueues1, bucketRecords}
	if !slices.Equal(names, old) {
		return damaged("its buckets are %.40q", names)
	}
	ops, err := s.readFormat1(tx)
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := tx.DeleteBucket([]byte(name)); err != nil {
			return err
		}
	}
	if err := create(tx); err != nil {
		return err
	}
	_, err = apply(tx, ops)
	return err
}

func (s *Store) readFormat1(tx *bbolt.Tx) (ops []op, err error) {
	queues := tx.Bucket([]byte(bucketQueues1))
	err = queues.ForEach(func(name, _ []byte) error {
		q := queues.Bucket(name)
		if q == nil {
			return damaged("queue %.40q is none", name)
		}
		queue := path1(string(name))
		ops = append(ops, put(bucketSequences, []byte(queue), number(q.Sequence())))
		return q.ForEach(func(key, value []byte) error {
			_, sequence, ok := splitEntryKey(key)
			if !ok || len(key) != 8 {
				return damaged("queue %.40q, message %.40q", name, key)
			}
			if _, err := s.decodeEntry(sequence, value); err != nil {
				return damaged("queue %.40q, message %d: %w", name, sequence, err)
			}
			ops = append(ops, put(bucketEntries, entryKey(queue, sequence), value))
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	err = tx.Bucket([]byte(bucketRecords)).ForEach(func(key, value []byte) error {
		var r broker.Record
		if err := json.Unmarshal(value, &r); err != nil {
			return damaged("feedback record %.40q: %w", key, err)
		}
		ops = append(ops, put(bucketRecords, slices.Clone(key), value))
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = tx.Bucket([]byte(bucketGenerations)).ForEach(func(key, value []byte) error {
		ops = append(ops, put(bucketGenerations, []byte(path1(string(key))), value))
		return nil
	})
	return ops, err
}

// path1 returns what a queue of format 1 is called today.
func path1(name string) string {
	if name == feedback1 {
		return broker.FeedbackQueue
	}
	device, module, _ := strings.Cut(name, "/")
	return broker.ID{Device: device, Module: module}.Path()
}
