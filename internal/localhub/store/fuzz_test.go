package store

import (
	"bytes"
	"hash/fnv"
	"testing"

	"iothub-c2d/internal/localhub/broker"
)

// FuzzDamagedFile patches a file in two places and, if that hits a meta page,
// makes its checksum right again: a file made to do harm, not just a broken one.
// The store refuses it, or delivers only bodies that were put, and can be written
// to.
func FuzzDamagedFile(f *testing.F) {
	whole, state := smallFile(f)
	bodies := make(map[string]bool)
	for _, q := range state.Queues {
		for _, e := range q.Entries {
			bodies[string(e.Message.Body)] = true
		}
	}
	f.Add(uint16(0), []byte{}, uint16(0), []byte{})
	f.Add(uint16(pageHeader+16), []byte{5}, uint16(minPageSize+pageHeader+16), []byte{5}) // another root
	f.Add(uint16(pageHeader+32), []byte{0xff}, uint16(minPageSize+pageHeader+32), []byte{0xff, 0xff})
	f.Add(uint16(pageHeader+8), []byte{0, 8}, uint16(minPageSize+pageHeader+8), []byte{0, 8}) // larger pages
	f.Add(uint16(3*minPageSize+8), []byte{2, 0, 0xff, 0xff}, uint16(4*minPageSize), []byte{3})
	f.Fuzz(func(t *testing.T, at1 uint16, patch1 []byte, at2 uint16, patch2 []byte) {
		file := bytes.Clone(whole)
		patch(file, int(at1), patch1)
		patch(file, int(at2), patch2)
		mendMeta(file[:minPageSize])
		mendMeta(file[minPageSize:])
		s, err := openBytes(t, file)
		var got *broker.State
		if err == nil {
			defer s.Close()
			got, err = s.Load()
		}
		if err != nil {
			wantShortLine(t, "patched", err)
			return
		}
		for name, q := range got.Queues {
			for _, e := range q.Entries {
				if !bodies[string(e.Message.Body)] {
					t.Errorf("queue %s, message %d has the body %q", name, e.Sequence, e.Message.Body)
				}
			}
		}
		commit(t, s, broker.PutEntry{Queue: "new", Entry: entry(1, "new")})
	})
}

func patch(file []byte, at int, with []byte) {
	if at < len(file) {
		copy(file[at:], with)
	}
}

// mendMeta makes the checksum of a meta page right.
func mendMeta(b []byte) {
	b = b[pageHeader:]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSize-8])
	order.PutUint64(b[metaSize-8:], sum.Sum64())
}
