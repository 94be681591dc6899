package broker

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

var errDisk = errors.New("input/output error")

// memory is a journal that keeps nothing over a restart of the test, and fails as
// it is told to.
type memory struct {
	mu          sync.Mutex
	entries     map[string]map[uint64]Entry
	last        map[string]uint64
	records     map[string]Record
	generations map[string]string
	identities  map[string][]byte
	sessions    map[string][]byte
	commits     int
	tried       []time.Time         // commits that failed
	fail        func([]Change) bool // nil: never
}

func newMemory() *memory {
	return &memory{
		entries:     make(map[string]map[uint64]Entry),
		last:        make(map[string]uint64),
		records:     make(map[string]Record),
		generations: make(map[string]string),
		identities:  make(map[string][]byte),
		sessions:    make(map[string][]byte),
	}
}

func (m *memory) Commit(changes []Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil && m.fail(changes) {
		m.tried = append(m.tried, time.Now())
		return errDisk
	}
	m.commits++
	for _, c := range changes {
		m.apply(c)
	}
	return nil
}

func (m *memory) apply(c Change) {
	switch c := c.(type) {
	case PutEntry:
		if m.entries[c.Queue] == nil {
			m.entries[c.Queue] = make(map[uint64]Entry)
		}
		m.entries[c.Queue][c.Entry.Sequence] = c.Entry
	case RemoveEntry:
		delete(m.entries[c.Queue], c.Sequence)
	case PutSequence:
		m.last[c.Queue] = c.Last
	case PutRecord:
		m.records[c.Record.Key] = c.Record
	case RemoveRecord:
		delete(m.records, c.Key)
	case PutGeneration:
		m.generations[c.Path] = c.Generation
	case PutSession:
		m.sessions[c.Path] = c.Session
	case RemoveSession:
		delete(m.sessions, c.Path)
	case PutIdentity:
		m.identities[c.ID.Path()] = c.Document
	case RemoveIdentity:
		path := c.ID.Path()
		delete(m.identities, path)
		delete(m.sessions, path)
		delete(m.generations, path)
		delete(m.last, path)
	}
}

func (m *memory) Load() (*State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := &State{
		Queues: make(map[string]QueueState), Generations: maps.Clone(m.generations), Identities: maps.Clone(m.identities),
		Sessions: maps.Clone(m.sessions),
	}
	for name, last := range m.last {
		byNumber := func(a, b Entry) int { return cmp.Compare(a.Sequence, b.Sequence) }
		entries := slices.SortedFunc(maps.Values(m.entries[name]), byNumber)
		state.Queues[name] = QueueState{Last: last, Entries: entries}
	}
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		state.Records = append(state.Records, m.records[key])
	}
	return state, nil
}

func (m *memory) setFail(f func([]Change) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

func always([]Change) bool { return true }

// counted returns how many commits f makes.
func (m *memory) counted(f func()) int {
	before := locked(m, func() int { return m.commits })
	f()
	synctest.Wait()
	return locked(m, func() int { return m.commits }) - before
}

// locked reads something of the journal.
func locked[T any](m *memory, read func() T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	return read()
}

// triedAfter returns when commits have failed.
func (m *memory) triedAfter(start time.Time) []time.Duration {
	return locked(m, func() (after []time.Duration) {
		for _, at := range m.tried {
			after = append(after, at.Sub(start))
		}
		return after
	})
}

func (m *memory) recordsKept() int { return locked(m, func() int { return len(m.records) }) }
