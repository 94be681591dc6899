package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"

	"go.etcd.io/bbolt"
)

// The format of the file. Format 4 has seven buckets: entries by queue and
// sequence number, the last sequence number of each queue, the feedback records
// that no message holds yet, the generation id, the identity and the session of
// each device; and meta, with the number of the format and how many keys each
// other bucket has. Each value of the others begins with a checksum.
//
// Format 3 has no sessions, format 2 no identities either. A file without meta is
// of format 1, which see.
const format = 4

const (
	bucketMeta        = "meta"
	bucketEntries     = "entries"
	bucketSequences   = "sequences"
	bucketRecords     = "records"
	bucketGenerations = "generations"
	bucketIdentities  = "identities"
	bucketSessions    = "sessions"
)

// sealed are the buckets whose values have checksums, and that are counted.
var sealed = []string{
	bucketEntries, bucketSequences, bucketRecords, bucketGenerations, bucketIdentities, bucketSessions,
}

var keyFormat = []byte("format")

// damaged says that the file does not hold what was written to it. What is in the
// file is quoted in 40 characters at most.
func damaged(f string, args ...any) error {
	return fmt.Errorf("the file is damaged: %w", fmt.Errorf(f, args...))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers the place of a value too: a value at another's place is
// damage.
func checksum(bucket string, key, payload []byte) uint32 {
	place := binary.BigEndian.AppendUint32([]byte(bucket), uint32(len(key)))
	sum := crc32.Update(0, castagnoli, place)
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, payload)
}

// seal puts the checksum in front of the payload.
func seal(bucket string, key, payload []byte) []byte {
	value := binary.BigEndian.AppendUint32(nil, checksum(bucket, key, payload))
	return append(value, payload...)
}

var errChecksum = errors.New("the checksum is wrong")

// unseal returns the payload, which is part of the value.
func unseal(bucket string, key, value []byte) ([]byte, error) {
	if len(value) < 4 || binary.BigEndian.Uint32(value) != checksum(bucket, key, value[4:]) {
		return nil, errChecksum
	}
	return value[4:], nil
}

// prepare makes the buckets of a new file, upgrades an old one, and refuses one
// that it does not know.
func (s *Store) prepare(tx *bbolt.Tx) error {
	names, err := bucketNames(tx)
	switch meta := tx.Bucket([]byte(bucketMeta)); {
	case err != nil:
		return err
	case len(names) == 0:
		return create(tx)
	case meta == nil:
		return s.upgrade(tx, names)
	case len(later[string(meta.Get(keyFormat))]) > 0:
		return addBuckets(tx, names, later[string(meta.Get(keyFormat))])
	default:
		return checkFormat(meta.Get(keyFormat), names)
	}
}

// bucketNames returns the names of the buckets, sorted.
func bucketNames(tx *bbolt.Tx) (names []string, err error) {
	err = tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		if b == nil {
			return damaged("%.40q is no bucket", name)
		}
		names = append(names, string(name))
		if len(names) > 10 {
			return damaged("it has more than 10 buckets")
		}
		return nil
	})
	return names, err
}

func create(tx *bbolt.Tx) error {
	for _, name := range append([]string{bucketMeta}, sealed...) {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	return putFormat(tx)
}

func putFormat(tx *bbolt.Tx) error {
	return tx.Bucket([]byte(bucketMeta)).Put(keyFormat, []byte(strconv.Itoa(format)))
}

func checkFormat(text []byte, buckets []string) error {
	n, err := strconv.Atoi(string(text))
	switch {
	case err != nil:
		return damaged("its format is %.40q", text)
	case n > format:
		return fmt.Errorf("a newer program has written it (format %d, not %d)", n, format)
	case n < format:
		return damaged("its format is %d", n)
	}
	return checkBuckets(buckets, sealed)
}

// checkBuckets refuses a file that has other buckets than meta and the wanted ones.
func checkBuckets(names, wanted []string) error {
	if !slices.Equal(names, slices.Sorted(slices.Values(append([]string{bucketMeta}, wanted...)))) {
		return damaged("its buckets are %.40q", names)
	}
	return nil
}

// recount adds to the numbers of keys in the buckets.
func recount(tx *bbolt.Tx, more map[string]int) error {
	for bucket, n := range more {
		if n == 0 {
			continue
		}
		was, err := count(tx, bucket)
		if err != nil {
			return err
		}
		key := []byte(bucket)
		if err := tx.Bucket([]byte(bucketMeta)).Put(key, seal(bucketMeta, key, number(was+uint64(n)))); err != nil {
			return err
		}
	}
	return nil
}

// count returns how many keys a bucket has: without it, one that is not found
// would not be missed.
func count(tx *bbolt.Tx, bucket string) (uint64, error) {
	key := []byte(bucket)
	value := tx.Bucket([]byte(bucketMeta)).Get(key)
	if value == nil {
		return 0, nil
	}
	payload, err := unseal(bucketMeta, key, value)
	if err != nil || len(payload) != 8 {
		return 0, damaged("the number of %s: %w", bucket, errChecksum)
	}
	return binary.BigEndian.Uint64(payload), nil
}
