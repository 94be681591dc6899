package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// TestFlippedPages has the page check alone look at every byte.
func TestFlippedPages(t *testing.T) {
	t.Parallel()
	file, _ := smallFile(t)
	if _, err := checkPages(bytes.NewReader(file), int64(len(file))); err != nil {
		t.Fatal(err)
	}
	for at := range file {
		bits := byte(1) << (at % 8)
		file[at] ^= bits
		_, _ = checkPages(bytes.NewReader(file), int64(len(file)))
		file[at] ^= bits
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
	for range 120 {
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
		if _, err := checkPages(bytes.NewReader(file), int64(len(file))); err != nil {
			t.Fatal(err)
		}
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
