package broker

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// late is a journal that answers when it is told to, as a slow disk does.
type late struct {
	*memory
	fast    bool // it is not slow yet
	mu      sync.Mutex
	waiting []func()
}

func (l *late) Commit(changes []Change, done func(error)) {
	if l.fast {
		done(l.commit(changes))
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, func() { done(l.commit(changes)) })
}

// answer makes n commits, or as many as there are, and returns how many that was.
func (l *late) answer(n int) (answered int) {
	for ; answered < n; answered++ {
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.mu.Unlock()
			return answered
		}
		next := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.mu.Unlock()
		next()
	}
	return answered
}

// answerAll makes commits until none waits.
func (l *late) answerAll() int { return l.answer(math.MaxInt) }

// lateQueue is a queue on such a journal.
type lateQueue struct {
	*testQueue
	journal *late
	answers []string // "name error", in order
	woken   atomic.Int32
}

func onLateJournal(t *testing.T, limits rules, f func(t *testing.T, q *lateQueue)) {
	t.Helper()
	onJournal(t, limits, func(t *testing.T, tq *testQueue, m *memory) {
		q := &lateQueue{testQueue: tq, journal: &late{memory: m}}
		q.Queue.journal = q.journal
		defer q.Subscribe(func() { q.woken.Add(1) })()
		f(t, q)
		q.journal.answerAll()
		q.wantKept(m)
	})
}

func (q *lateQueue) heard(name string) func(error) {
	return func(err error) { q.answers = append(q.answers, fmt.Sprint(name, " ", err)) }
}

func (q *lateQueue) putLater(names ...string) {
	for _, name := range names {
		q.PutThen(named(name), q.heard(name))
	}
}

func (q *lateQueue) settleLater(name string, token LockToken, how Settlement) {
	q.SettleThen(token, how, q.heard(name))
}

// kept puts messages, and has them kept.
func (q *lateQueue) kept(names ...string) {
	q.t.Helper()
	q.putLater(names...)
	q.journal.answerAll()
	if q.Len() != len(names) {
		q.t.Fatalf("%d messages, want %d: %q", q.Len(), len(names), q.answers)
	}
	q.answers = nil
	q.woken.Store(0)
}

// wantAnswers checks what was answered since the last call.
func (q *lateQueue) wantAnswers(want ...string) {
	q.t.Helper()
	synctest.Wait()
	if !slices.Equal(q.answers, want) {
		q.t.Fatalf("answered %q, want %q", q.answers, want)
	}
	q.answers = nil
}

// wantCommits makes the commits that wait for each other.
func (q *lateQueue) wantCommits(want int) {
	q.t.Helper()
	if got := q.journal.answerAll(); got != want {
		q.t.Fatalf("%d commits, want %d", got, want)
	}
}
