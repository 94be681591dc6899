package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"iothub-c2d/internal/localhub/broker"
)

// editFile changes the file of a store that is closed.
func editFile(t *testing.T, dir string, f func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "hub.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(f); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// format1 makes a file as the first hubs wrote it.
func format1(t *testing.T, change func(queues, records, generations *bbolt.Bucket) error) (dir string) {
	t.Helper()
	dir = t.TempDir()
	editFile(t, dir, func(tx *bbolt.Tx) error {
		var buckets [3]*bbolt.Bucket
		for i, name := range []string{"queues", "records", "generations"} {
			var err error
			if buckets[i], err = tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return change(buckets[0], buckets[1], buckets[2])
	})
	return dir
}

func putQueue1(queues *bbolt.Bucket, name string, last uint64, entries map[uint64]string) error {
	q, err := queues.CreateBucket([]byte(name))
	if err != nil {
		return err
	}
	for n, text := range entries {
		if err := q.Put(number(n), []byte(text)); err != nil {
			return err
		}
	}
	return q.SetSequence(last)
}

// An entry as the first hubs wrote it: the message is "m", "full" and "one", in
// base64.
const entry1 = `{"message":"bQpmdWxsCm9uZQ==","enqueued":"2026-01-02T03:04:05Z","expires":"2026-01-02T04:04:05Z","deliveryCount":1}`

func TestUpgrade(t *testing.T) {
	t.Parallel()
	dir := format1(t, func(queues, records, generations *bbolt.Bucket) error {
		for name, entries := range map[string]map[uint64]string{
			"dev1":      {1: entry1},
			"dev1/mod":  {1: entry1},
			"/feedback": {1: entry1},
			"empty":     nil,
		} {
			if err := putQueue1(queues, name, 5, entries); err != nil {
				return err
			}
		}
		if err := generations.Put([]byte("dev1/mod"), []byte("123")); err != nil {
			return err
		}
		return records.Put([]byte("dev1#7"), []byte(`{"originalMessageId":"m7","statusCode":"Success"}`))
	})
	full := broker.QueueState{Last: 5, Entries: []broker.Entry{entry(1, "one")}}
	want := &broker.State{
		Queues: map[string]broker.QueueState{
			"/devices/dev1":             full,
			"/devices/dev1/modules/mod": full,
			broker.FeedbackQueue:        full,
			"/devices/empty":            {Last: 5},
		},
		Generations: map[string]string{"/devices/dev1/modules/mod": "123"},
		Records:     []broker.Record{{Key: "dev1#7", OriginalMessageID: "m7", StatusCode: broker.StatusSuccess}},
		Identities:  map[string][]byte{},
		Sessions:    map[string][]byte{},
	}
	for range 2 {
		s := open(t, dir)
		if diff := cmp.Diff(want, load(t, s)); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
		closeStore(t, s)
	}
}

// TestUpgradeOfFormats2And3 adds to files what they do not have yet.
func TestUpgradeOfFormats2And3(t *testing.T) {
	t.Parallel()
	for format, missing := range later {
		t.Run(format, func(t *testing.T) { testUpgrade(t, format, missing) })
	}
}

func testUpgrade(t *testing.T, format string, missing []string) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	commit(t, s, broker.PutEntry{Queue: "/devices/d", Entry: entry(1, "one")}, broker.PutGeneration{Path: "/devices/d", Generation: "7"})
	closeStore(t, s)
	editFile(t, dir, func(tx *bbolt.Tx) error {
		for _, name := range missing {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte(bucketMeta)).Put(keyFormat, []byte(format))
	})
	want := &broker.State{
		Queues:      map[string]broker.QueueState{"/devices/d": {Entries: []broker.Entry{entry(1, "one")}}},
		Generations: map[string]string{"/devices/d": "7"},
		Identities:  map[string][]byte{},
		Sessions:    map[string][]byte{},
	}
	for _, document := range []string{"first", "second"} {
		s := open(t, dir)
		if diff := cmp.Diff(want, load(t, s)); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
		commit(t, s, broker.PutIdentity{ID: broker.ID{Device: "d"}, Document: []byte(document)}, broker.PutSession{Path: "/devices/d", Session: []byte(document)})
		want.Identities["/devices/d"], want.Sessions["/devices/d"] = []byte(document), []byte(document)
		closeStore(t, s)
	}
}

// TestFilesThatAreRefused expects words for files that are whole, but not what
// this program has written.
func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	withQueue := func(entries map[uint64]string) string {
		return format1(t, func(queues, _, _ *bbolt.Bucket) error { return putQueue1(queues, "dev1", 1, entries) })
	}
	changed := func(f func(tx *bbolt.Tx) error) string {
		dir := t.TempDir()
		s := open(t, dir)
		commit(t, s, broker.PutEntry{Queue: "q", Entry: entry(1, "one")}, broker.PutRecord{Record: broker.Record{Key: "k"}})
		closeStore(t, s)
		editFile(t, dir, f)
		return dir
	}
	inBucket := func(bucket string, f func(b *bbolt.Bucket) error) string {
		return changed(func(tx *bbolt.Tx) error { return f(tx.Bucket([]byte(bucket))) })
	}
	format := func(text string) string {
		return inBucket(bucketMeta, func(b *bbolt.Bucket) error { return b.Put(keyFormat, []byte(text)) })
	}
	key := entryKey("q", 1)
	for _, test := range []struct{ name, dir, want string }{
		{"newer", format("5"), "a newer program has written it (format 5, not 4)"},
		{"a bucket too many for its format", format("3"), `its buckets are ["entries"`},
		{"older than its buckets", format("2"), `its buckets are ["entries" "generations"`},
		{"no format", format("x"), `its format is "x"`},
		{"older format", format("1"), `its format is 1`},
		{"strange", changed(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("z")); return err }), `its buckets are ["entries" "generations"`},
		{"no meta", changed(func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte(bucketMeta)) }), `its buckets are ["entries" "generations"`},
		{"bad entry of format 1", withQueue(map[uint64]string{1: "{"}), `queue "dev1", message 1: unexpected end of JSON input`},
		{"bad message of format 1", withQueue(map[uint64]string{1: `{"message":"bQ=="}`}), `queue "dev1", message 1: not three lines`},
		{"bad record of format 1", format1(t, func(_, records, _ *bbolt.Bucket) error { return records.Put([]byte("k"), []byte("{")) }), `feedback record "k"`},
		{"value in queues", format1(t, func(queues, _, _ *bbolt.Bucket) error { return queues.Put([]byte("k"), []byte("v")) }), `queue "k" is none`},
		{"changed entry", inBucket(bucketEntries, func(b *bbolt.Bucket) error { return b.Put(key, append(b.Get(key), ' ')) }), `queue "q", message 1: the checksum is wrong`},
		{"entry at another's place", inBucket(bucketEntries, func(b *bbolt.Bucket) error { return b.Put(entryKey("q", 2), b.Get(key)) }), `queue "q", message 2: the checksum is wrong`},
		{"missing entry", inBucket(bucketEntries, func(b *bbolt.Bucket) error { return b.Delete(key) }), "it has 0 entries, not 1"},
		{"changed count", inBucket(bucketMeta, func(b *bbolt.Bucket) error { return b.Put([]byte(bucketEntries), number(1)) }), "the number of entries: the checksum is wrong"},
		{"empty value", inBucket(bucketRecords, func(b *bbolt.Bucket) error { return b.Put([]byte("r"), nil) }), `records, "r": the checksum is wrong`},
		{"bucket in a bucket", inBucket(bucketRecords, func(b *bbolt.Bucket) error { _, err := b.CreateBucket([]byte("r")); return err }), `records, "r": the checksum is wrong`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(test.dir, plain{})
			if err == nil {
				_, err = s.Load()
				closeStore(t, s)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %v, want one line with %s", err, test.want)
			}
			if !strings.Contains(err.Error(), filepath.Join(test.dir, "hub.db: ")) {
				t.Errorf("error = %v, want it to name the file", err)
			}
		})
	}
}

// TestRefusedFileIsLetGo checks that a file which cannot be used is neither
// changed nor held.
func TestRefusedFileIsLetGo(t *testing.T) {
	t.Parallel()
	dir := format1(t, func(queues, _, _ *bbolt.Bucket) error { return putQueue1(queues, "dev1", 1, map[uint64]string{1: "{"}) })
	before, err := os.ReadFile(filepath.Join(dir, "hub.db"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Open(dir, plain{}); err == nil || strings.Contains(err.Error(), "another hub") {
			t.Errorf("error = %v", err)
		}
	}
	after, err := os.ReadFile(filepath.Join(dir, "hub.db"))
	if err != nil || string(before) != string(after) {
		t.Errorf("the file has changed, %v", err)
	}
}

func TestFileInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir)
		defer closeStore(t, s)
		start := time.Now()
		if _, err := Open(dir, plain{}); err == nil || !strings.HasSuffix(err.Error(), "hub.db: another hub is using it") {
			t.Errorf("error = %v", err)
		}
		if waited := time.Since(start); waited < patience-100*time.Millisecond || waited > patience {
			t.Errorf("waited for %v, want about %v", waited, patience)
		}
	})
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	if _, err := Open("/dev/null/x", plain{}); err == nil || !strings.Contains(err.Error(), "data directory") {
		t.Errorf("error = %v", err)
	}
	text := t.TempDir()
	if err := os.WriteFile(filepath.Join(text, "hub.db"), []byte(strings.Repeat("no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(text, plain{}); err == nil || !strings.HasSuffix(err.Error(), "hub.db: the file is damaged: invalid database") {
		t.Errorf("error = %v", err)
	}
}
