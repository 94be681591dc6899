package store

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/localhub/broker"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests (0: a new one)")

func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := cmp.Or(*seedFlag, rand.Uint64())
	t.Logf("seed %#x; -seed repeats it", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestRandomFailures commits at random on a disk that fails at random, and now and
// then looks at the file as the next hub would find it after a kill.
func TestRandomFailures(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	dir := t.TempDir()
	s, disk := onBadDisk(t, dir)
	want := make(map[uint64]string)  // by sequence number
	var possible []map[uint64]string // of which one may be on the disk too
	for i := range 400 {
		disk.open = random.IntN(6) == 0
		disk.commit = []commitFault{healthy, healthy, healthy, unmade, made}[random.IntN(5)]
		next := maps.Clone(want)
		var changes []broker.Change
		for range 1 + random.IntN(4) {
			n := uint64(random.IntN(12))
			if random.IntN(3) == 0 {
				delete(next, n)
				changes = append(changes, broker.RemoveEntry{Queue: "q", Sequence: n})
				continue
			}
			next[n] = fmt.Sprint(i)
			changes = append(changes, broker.PutEntry{Queue: "q", Entry: entry(n, next[n])})
		}
		if err := s.Commit(changes); err == nil {
			want = next
		} else if possible = append(possible, next); !errors.Is(err, errIO) {
			t.Fatal(err)
		}
		if s.db != nil {
			possible = nil // what failed has been taken back
		}
		found := afterKill(t, dir)
		if !slices.ContainsFunc(append(possible, want), func(m map[uint64]string) bool { return maps.Equal(m, found) }) {
			t.Fatalf("commit %d: on disk %v, want %v or of %v", i, found, want, possible)
		}
	}
	disk.open, disk.commit = false, healthy
	commit(t, s)
	closeStore(t, s)
	if diff := gocmp.Diff(want, afterKill(t, dir)); diff != "" {
		t.Errorf("in the end (-want +got):\n%s", diff)
	}
}

// afterKill reads a copy of the file.
func afterKill(t *testing.T, dir string) map[uint64]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "hub.db"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := openBytes(t, b)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	found := make(map[uint64]string)
	for _, e := range load(t, s).Queues["q"].Entries {
		found[e.Sequence] = string(e.Message.Body)
	}
	return found
}
