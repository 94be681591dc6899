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
	"sync"
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

// TestRandomFailures makes commits at random, some at once, on a disk that fails at
// random, and looks at the file as the next hub would find it after a kill.
func TestRandomFailures(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	dir := t.TempDir()
	s, disk := onBadDisk(t, dir)
	want := make(bodies)
	var possible []bodies // of which one may be on the disk too
	for i := range 400 {
		disk.open = random.IntN(6) == 0
		disk.commit = []commitFault{healthy, healthy, healthy, unmade, made}[random.IntN(5)]
		var list [][]broker.Change
		for range 1 + random.IntN(4) {
			list = append(list, randomChanges(random, fmt.Sprint(i)))
		}
		for n, err := range tryAll(s, list) {
			switch {
			case err == nil:
				want = want.after(list[n])
			case !errors.Is(err, errIO):
				t.Fatal(err)
			default: // it was written with those before it, or without
				for first := range n + 1 {
					possible = append(possible, want.after(list[first:n+1]...))
				}
			}
		}
		if s.db != nil {
			possible = nil // what failed has been taken back
		}
		found := afterKill(t, dir)
		if !slices.ContainsFunc(append(possible, want), func(b bodies) bool { return maps.Equal(b, found) }) {
			t.Fatalf("round %d: on disk %v, want %v or of %v", i, found, want, possible)
		}
	}
	disk.open, disk.commit = false, healthy
	commit(t, s)
	closeStore(t, s)
	if diff := gocmp.Diff(want, afterKill(t, dir)); diff != "" {
		t.Errorf("in the end (-want +got):\n%s", diff)
	}
}

// bodies are the messages of the queue, by sequence number.
type bodies map[uint64]string

// after returns the bodies after changes.
func (b bodies) after(list ...[]broker.Change) bodies {
	next := maps.Clone(b)
	for _, c := range slices.Concat(list...) {
		switch c := c.(type) {
		case broker.PutEntry:
			next[c.Entry.Sequence] = string(c.Entry.Message.Body)
		case broker.RemoveEntry:
			delete(next, c.Sequence)
		}
	}
	return next
}

func randomChanges(random *rand.Rand, body string) (changes []broker.Change) {
	for range 1 + random.IntN(4) {
		n := uint64(random.IntN(12))
		if random.IntN(3) == 0 {
			changes = append(changes, broker.RemoveEntry{Queue: "q", Sequence: n})
		} else {
			changes = append(changes, broker.PutEntry{Queue: "q", Entry: entry(n, body)})
		}
	}
	return changes
}

// tryAll makes commits at once, and returns what is answered to each.
func tryAll(s *Store, list [][]broker.Change) []error {
	errs := make([]error, len(list))
	var all sync.WaitGroup
	for i, changes := range list {
		all.Add(1)
		s.Commit(changes, func(err error) {
			errs[i] = err
			all.Done()
		})
	}
	all.Wait()
	return errs
}

// afterKill reads a copy of the file.
func afterKill(t *testing.T, dir string) bodies {
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
	found := make(bodies)
	for _, e := range load(t, s).Queues["q"].Entries {
		found[e.Sequence] = string(e.Message.Body)
	}
	return found
}
