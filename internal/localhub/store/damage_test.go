package store

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"iothub-c2d/internal/localhub/broker"
)

// smallFile returns a file of small pages, with branches, overflow pages, free
// pages and buckets of both kinds, and what is in it.
func smallFile(t testing.TB) (file []byte, state *broker.State) {
	t.Helper()
	dir := t.TempDir()
	open := func() *Store {
		s := newStore(dir, plain{})
		s.options.PageSize, s.options.NoSync = minPageSize, true
		if err := s.open(patience, s.prepare); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	for n := range uint64(24) {
		queue := fmt.Sprint("/devices/d", n%3)
		commit(t, s,
			broker.PutEntry{Queue: queue, Entry: entry(n, fmt.Sprint("body of ", n))},
			broker.PutSequence{Queue: queue, Last: n},
		)
	}
	commit(t, s, broker.PutEntry{Queue: "big", Entry: entry(1, strings.Repeat("x", 2*minPageSize))})
	for n := range uint64(8) {
		commit(t, s, broker.RemoveEntry{Queue: fmt.Sprint("/devices/d", n%3), Sequence: n})
	}
	commit(t, s, broker.PutRecord{Record: broker.Record{Key: "k", StatusCode: broker.StatusExpired}})
	commit(t, s, broker.PutGeneration{Path: "/devices/d1", Generation: "123"})
	state = load(t, s)
	closeStore(t, s)
	closeStore(t, open()) // now both meta pages lead to all of it
	file, err := os.ReadFile(filepath.Join(dir, "hub.db"))
	if err != nil {
		t.Fatal(err)
	}
	return file, state
}

// refusedOrWhole opens a store on a damaged file, and checks that it is refused in
// one line, or that nothing is missing or changed and it can be written to.
func refusedOrWhole(t *testing.T, what string, file []byte, want *broker.State) (refused bool) {
	t.Helper()
	s, err := openBytes(t, file)
	var state *broker.State
	if err == nil {
		defer s.Close()
		state, err = s.Load()
	}
	if err != nil {
		if text := err.Error(); strings.Contains(text, "\n") || len(text) > 400 {
			t.Errorf("%s: not a short line: %s", what, text)
		}
		return true
	}
	if diff := gocmp.Diff(want, state); diff != "" {
		t.Fatalf("%s: not refused, but (-want +got):\n%s", what, diff)
	}
	var changes []broker.Change
	for n := range uint64(20) {
		changes = append(changes,
			broker.PutEntry{Queue: "new", Entry: entry(n, strings.Repeat("y", 200))},
			broker.RemoveEntry{Queue: "/devices/d1", Sequence: n})
	}
	commit(t, s, changes[:10]...)
	commit(t, s, changes[10:]...)
	state, err = s.Load()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if got := len(state.Queues["new"].Entries); got != 20 {
		t.Errorf("%s: %d of 20 new messages are kept", what, got)
	}
	return false
}

// TestFlippedBits flips one bit at a time, all over the file.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	file, want := smallFile(t)
	refused, all := 0, 0
	for at := random.IntN(40); at < len(file); at += 1 + random.IntN(200) {
		b := bytes.Clone(file)
		bit := byte(1) << random.IntN(8)
		b[at] ^= bit
		all++
		if refusedOrWhole(t, fmt.Sprintf("bit %#x of byte %d", bit, at), b, want) {
			refused++
		}
	}
	t.Logf("%d of %d files of %d bytes were refused", refused, all, len(file))
	if refused < all/10 {
		t.Errorf("%d of %d files were refused, want more", refused, all)
	}
}

// TestFlippedPages has the page check alone look at every byte.
func TestFlippedPages(t *testing.T) {
	t.Parallel()
	file, _ := smallFile(t)
	if err := checkPages(bytes.NewReader(file), int64(len(file))); err != nil {
		t.Fatal(err)
	}
	for at := range file {
		bits := byte(1) << (at % 8)
		file[at] ^= bits
		_ = checkPages(bytes.NewReader(file), int64(len(file)))
		file[at] ^= bits
	}
}

// TestDamagedStretches overwrites and exchanges parts of the file.
func TestDamagedStretches(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	file, want := smallFile(t)
	chacha := rand.NewChaCha8([32]byte{byte(random.Uint32())})
	damages := map[string]func(b []byte){
		"zeros":    func(b []byte) { clear(b) },
		"small":    func(b []byte) { copy(b, bytes.Repeat([]byte{0x01}, len(b))) },
		"large":    func(b []byte) { copy(b, bytes.Repeat([]byte{0xff}, len(b))) },
		"random":   func(b []byte) { _, _ = chacha.Read(b) },
		"exchange": func(b []byte) { copy(b, file[random.IntN(len(file)-len(b)):]) },
	}
	for name, damage := range damages {
		for range 5 {
			b := bytes.Clone(file)
			from := random.IntN(len(b))
			to := min(len(b), from+1+random.IntN(1500))
			damage(b[from:to])
			refusedOrWhole(t, fmt.Sprintf("%s from %d to %d", name, from, to), b, want)
		}
		for page := range len(file) / minPageSize {
			for _, from := range []int{page * minPageSize, page*minPageSize + pageHeader} {
				b := bytes.Clone(file)
				damage(b[from : (page+1)*minPageSize])
				refusedOrWhole(t, fmt.Sprintf("%s at %d", name, from), b, want)
			}
		}
	}
}

// TestHealthyPages has bbolt change a file at random, and expects nothing to be
// wrong with it.
func TestHealthyPages(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: minPageSize, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 200 {
		err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte{'b', byte(random.IntN(3))})
			if err == nil && random.IntN(2) == 0 {
				b, err = b.CreateBucketIfNotExists([]byte("inner"))
			}
			if err != nil {
				return err
			}
			most := random.IntN(3) // deletions out of four changes, and one more
			for range random.IntN(40) {
				key := fmt.Appendf(nil, "%0*d", 1+random.IntN(30), random.IntN(300))
				if random.IntN(4) <= most {
					err = b.Delete(key)
				} else {
					err = b.Put(key, make([]byte, random.IntN(1+random.IntN(1500))))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkPages(bytes.NewReader(file), int64(len(file))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestShortFile cuts the file off.
func TestShortFile(t *testing.T) {
	t.Parallel()
	file, want := smallFile(t)
	for size := 1; size < len(file); size += 701 {
		refusedOrWhole(t, fmt.Sprint(size, " bytes"), file[:size], want)
	}
	if !refusedOrWhole(t, "three pages", file[:3*minPageSize], want) {
		t.Error("a file of three pages was not refused")
	}
}

// TestPageDamage makes the damage that bbolt cannot bear.
func TestPageDamage(t *testing.T) {
	t.Parallel()
	whole, _ := smallFile(t)
	m, err := readMeta(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{file: bytes.NewReader(whole), pageSize: m.pageSize, used: make([]bool, m.pages)}
	if err := w.tree(m.root, span{}, 0); err != nil {
		t.Fatal(err)
	}
	branch := func(b []byte) page {
		for id, used := range w.used {
			if p := page(b[id*minPageSize:][:minPageSize]); used && p.id() == uint64(id) && p.flags() == branchPage {
				return p
			}
		}
		t.Fatal("no branch")
		return nil
	}
	second := func(p page) element {
		e, _ := p.element(pageHeader+elementSize, 0)
		return e
	}
	for name, test := range map[string]struct {
		damage func(b []byte)
		want   string
	}{
		"cycle": {func(b []byte) {
			p := branch(b)
			order.PutUint64(p[pageHeader+8:], p.id())
		}, "is used twice"},
		"shared page": {func(b []byte) {
			p := branch(b)
			copy(p[pageHeader+8:][:8], p[pageHeader+elementSize+8:])
		}, "is out of order"},
		"loose bound": {func(b []byte) { // bbolt would write the page twice
			p := branch(b)
			key := second(p).key
			key[len(key)-1]--
		}, "is in the wrong place"},
		"no such page": {func(b []byte) { order.PutUint64(branch(b)[pageHeader+8:], 1<<60) }, "there is no page"},
		"meta page":    {func(b []byte) { order.PutUint64(branch(b)[pageHeader+8:], 1) }, "there is no page 1"},
		"wrong id":     {func(b []byte) { b[m.root*minPageSize]++ }, "says that it is"},
		"wrong kind":   {func(b []byte) { b[m.root*minPageSize+8] = freelistPage }, "neither leaf nor branch"},
		"overflow":     {func(b []byte) { order.PutUint32(b[m.root*minPageSize+12:], 1<<31) }, "is too long"},
		"many elements": {func(b []byte) {
			order.PutUint16(b[m.root*minPageSize+10:], 0xffff)
		}, "too many elements"},
		"element outside": {func(b []byte) {
			order.PutUint32(b[m.root*minPageSize+pageHeader+8:], 1<<31)
		}, "lies outside"},
		"used and free": {func(b []byte) {
			order.PutUint64(b[m.freelist*minPageSize+pageHeader:], m.root)
		}, "cannot be free"},
		"long free list": {func(b []byte) {
			order.PutUint16(b[m.freelist*minPageSize+10:], 0xfffe)
		}, "list of free pages is too long"},
		"no free list": {func(b []byte) { b[m.freelist*minPageSize+8] = leafPage }, "is no list of free pages"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bytes.Clone(whole)
			test.damage(b)
			_, err := openBytes(t, b)
			if err == nil || !strings.Contains(err.Error(), "the file is damaged: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want one that says %q", err, test.want)
			}
		})
	}
}

func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := cmp.Or(*seedFlag, rand.Uint64())
	t.Logf("seed %#x; -seed repeats it", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
