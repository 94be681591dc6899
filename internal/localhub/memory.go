package localhub

import "sync/atomic"

// memory is what connections may hold together, in bytes. Messages in queues have
// an account of their own: else clients that fill them could keep those away that
// empty them.
type memory struct{ left atomic.Int64 }

func newMemory(limit int) *memory {
	m := new(memory)
	m.left.Store(int64(limit))
	return m
}

// Take takes n bytes, if so many are left.
func (m *memory) Take(n int) bool {
	if m.left.Add(-int64(n)) >= 0 {
		return true
	}
	m.left.Add(int64(n))
	return false
}

// Give gives n bytes back.
func (m *memory) Give(n int) { m.left.Add(int64(n)) }
