package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
		wantShortLine(t, what, err)
		return true
	}
	if diff := cmp.Diff(want, state); diff != "" {
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

func wantShortLine(t *testing.T, what string, err error) {
	t.Helper()
	if text := err.Error(); strings.Contains(text, "\n") || len(text) > 400 {
		t.Errorf("%s: not a short line: %s", what, text)
	}
}

// TestFlippedBits flips one bit at a time, all over the file.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	file, want := smallFile(t)
	refused, all := 0, 0
	for at := random.IntN(40); at < len(file); at += 1 + random.IntN(400) {
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
			from := page*minPageSize + random.IntN(2)*pageHeader // with the header, or without
			b := bytes.Clone(file)
			damage(b[from : (page+1)*minPageSize])
			refusedOrWhole(t, fmt.Sprintf("%s at %d", name, from), b, want)
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
