package broker

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestQueueOnRandomJournal does at random what receivers do, on a journal that
// fails at random, and is slow in half of the tests. What was answered is in the
// journal, and nothing else: no message ends that is still kept, none is kept that
// has ended, none is delivered that is not kept, and in the end all of both are the
// same.
func TestQueueOnRandomJournal(t *testing.T) {
	for _, limits := range []rules{
		{pending: 20, lock: time.Minute, ttl: 10 * time.Minute, deliveries: 3},
		{pending: 5, lock: time.Minute, ttl: 3 * time.Minute, deliveries: 2, countLostLocks: true},
	} {
		t.Run(fmt.Sprintf("%+v", limits), func(t *testing.T) {
			onJournal(t, limits, func(t *testing.T, q *testQueue, m *memory) {
				newChaos(t, q, &late{memory: m}).run()
			})
		})
		t.Run(fmt.Sprintf("%+v, slow", limits), func(t *testing.T) {
			onLateJournal(t, limits, func(t *testing.T, q *lateQueue) { newChaos(t, q.testQueue, q.journal).run() })
		})
	}
}

func newChaos(t *testing.T, q *testQueue, journal *late) *chaos {
	seed := cmp.Or(*seedFlag, rand.Uint64())
	t.Logf("seed %#x; -seed repeats it", seed)
	c := &chaos{testQueue: q, journal: journal, rand: rand.New(rand.NewPCG(seed, 0)), over: make(map[string]bool)}
	fails := rand.New(rand.NewPCG(seed, 1)) // the journal's own: the queue's timer uses it too
	journal.setFail(func([]Change) bool { return c.bad.Load() && fails.IntN(3) > 0 })
	return c
}

func (c *chaos) run() {
	for range 20_000 {
		c.step()
	}
	c.bad.Store(false)
	c.journal.answerAll()
	time.Sleep(maxRetry) // what is left is tried again
	synctest.Wait()
	c.journal.answerAll()
	c.collect()
	c.wantKept(c.journal.memory)
	c.t.Logf("%d messages, %d have ended, %d commits, %d failures", c.count, len(c.over), c.journal.commits, len(c.journal.tried))
	if len(c.over)+c.Len() != c.count || c.asked != 0 {
		c.t.Errorf("%d ended and %d left of %d messages, %d not answered", len(c.over), c.Len(), c.count, c.asked)
	}
}

type chaos struct {
	*testQueue
	journal *late // it has the queue's commits, or never any
	rand    *rand.Rand
	bad     atomic.Bool // times in which the journal may fail
	tokens  []LockToken
	asked   int             // without an answer yet
	sent    int             // messages
	count   int             // messages that were accepted
	over    map[string]bool // messages that were reported
}

func (c *chaos) step() {
	c.t.Helper()
	switch n := c.rand.IntN(1000); {
	case n < 300:
		c.putOne()
	case n < 550:
		if d, ok := c.Take(); ok {
			c.tokens = append(c.tokens, d.Token)
		}
	case n < 800 && len(c.tokens) > 0:
		c.settleOne()
	case n < 810:
		c.bad.Store(!c.bad.Load())
	case n < 813:
		c.purge()
	case n < 900:
		c.journal.answer(1)
	default:
		time.Sleep(time.Duration(c.rand.IntN(30)) * time.Second)
		synctest.Wait()
	}
	c.collect()
	c.wantAllKept()
}

func (c *chaos) putOne() {
	c.sent++
	c.asked++
	m := named(fmt.Sprint("m", c.sent))
	c.PutThen(m, func(err error) {
		c.asked--
		switch {
		case err == nil:
			c.count++
		case !errors.Is(err, errDisk) && !errors.Is(err, ErrQueueFull):
			c.t.Error(err)
		}
		if kept := c.isKept(m); kept != (err == nil) {
			c.t.Errorf("put: %v, and kept: %v", err, kept)
		}
	})
}

func (c *chaos) isKept(m *Message) bool {
	return locked(c.journal.memory, func() bool {
		for _, e := range c.journal.entries["q"] {
			if e.Message == m {
				return true
			}
		}
		return false
	})
}

func (c *chaos) settleOne() {
	i := c.rand.IntN(len(c.tokens))
	token := c.tokens[i]
	c.tokens = append(c.tokens[:i], c.tokens[i+1:]...)
	c.asked++
	c.SettleThen(token, Settlement(c.rand.IntN(4)), func(err error) {
		c.asked--
		switch {
		case errors.Is(err, errDisk): // it may be tried again
			c.tokens = append(c.tokens, token)
		case err != nil && !errors.Is(err, ErrLockLost):
			c.t.Error(err)
		}
	})
}

// purge waits until it has been answered, as do all before it.
func (c *chaos) purge() {
	done := make(chan error)
	go func() {
		_, err := c.Purge()
		done <- err
	}()
	synctest.Wait()
	c.journal.answerAll()
	if err := <-done; err != nil && !errors.Is(err, errDisk) {
		c.t.Fatal(err)
	}
}

// collect notes the messages that were reported, each once and after it has left
// the journal.
func (c *chaos) collect() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.ended {
		name, _, _ := strings.Cut(line, " ")
		if c.over[name] {
			c.t.Fatalf("%s ended twice", name)
		}
		c.over[name] = true
	}
	c.ended = nil
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	for _, e := range c.journal.entries["q"] {
		if c.over[e.Message.ID] {
			c.t.Fatalf("%s has ended and is kept", e.Message.ID)
		}
	}
}

// wantAllKept checks that what the queue holds would be there after a restart.
func (c *chaos) wantAllKept() {
	c.t.Helper()
	c.Queue.mu.Lock()
	defer c.Queue.mu.Unlock()
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	for _, e := range c.all() {
		if kept := c.journal.entries["q"][e.Sequence]; kept.Message != e.Message || kept.DeliveryCount > e.DeliveryCount {
			c.t.Fatalf("message %s is kept as %+v", e.Message.ID, kept)
		}
	}
}
