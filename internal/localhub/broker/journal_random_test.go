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
// fails at random. What was answered is in the journal, and nothing else: no
// message ends that is still kept, none is kept that has ended, and in the end
// all of both are the same.
func TestQueueOnRandomJournal(t *testing.T) {
	for _, limits := range []rules{
		{pending: 20, lock: time.Minute, ttl: 10 * time.Minute, deliveries: 3},
		{pending: 5, lock: time.Minute, ttl: 3 * time.Minute, deliveries: 2, countLostLocks: true},
	} {
		t.Run(fmt.Sprintf("%+v", limits), func(t *testing.T) {
			onJournal(t, limits, func(t *testing.T, q *testQueue, m *memory) {
				seed := cmp.Or(*seedFlag, rand.Uint64())
				t.Logf("seed %#x; -seed repeats it", seed)
				c := &chaos{testQueue: q, journal: m, rand: rand.New(rand.NewPCG(seed, 0)), over: make(map[string]bool)}
				fails := rand.New(rand.NewPCG(seed, 1)) // the journal's own: the queue's timer uses it too
				m.setFail(func([]Change) bool { return c.bad.Load() && fails.IntN(3) > 0 })
				for range 20_000 {
					c.step()
				}
				c.bad.Store(false)
				time.Sleep(maxRetry) // what is left is tried again
				synctest.Wait()
				c.collect()
				q.wantKept(m)
				t.Logf("%d messages, %d have ended, %d failures", c.count, len(c.over), len(m.tried))
				if len(c.over)+q.Len() != c.count {
					t.Errorf("%d ended and %d left of %d messages", len(c.over), q.Len(), c.count)
				}
			})
		})
	}
}

type chaos struct {
	*testQueue
	journal *memory
	rand    *rand.Rand
	bad     atomic.Bool // times in which the journal may fail
	tokens  []LockToken
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
		if _, err := c.Purge(); err != nil && !errors.Is(err, errDisk) {
			c.t.Fatal(err)
		}
	default:
		time.Sleep(time.Duration(c.rand.IntN(30)) * time.Second)
		synctest.Wait()
	}
	c.collect()
	c.wantAllKept()
}

func (c *chaos) putOne() {
	m := named(fmt.Sprint("m", c.count+1))
	switch err := c.Put(m); {
	case err == nil:
		c.count++
	case !errors.Is(err, errDisk) && !errors.Is(err, ErrQueueFull):
		c.t.Fatal(err)
	}
}

func (c *chaos) settleOne() {
	i := c.rand.IntN(len(c.tokens))
	token := c.tokens[i]
	err := c.Settle(token, Settlement(c.rand.IntN(4)))
	if !errors.Is(err, errDisk) { // the last word
		c.tokens = append(c.tokens[:i], c.tokens[i+1:]...)
	}
	if err != nil && !errors.Is(err, errDisk) && !errors.Is(err, ErrLockLost) {
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
