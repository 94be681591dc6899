package broker

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/broker/naive"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests (0: a new one)")

// TestQueueAgainstModel does the same at random to a queue and to the model, also
// with a slow journal: many things are asked then before the first is answered, and
// must end as if each had waited for the one before.
func TestQueueAgainstModel(t *testing.T) {
	for _, limits := range []rules{
		{pending: 50, lock: time.Minute, ttl: time.Hour, deliveries: 10},
		{pending: 5, lock: time.Minute, ttl: 3 * time.Minute, deliveries: 3},
		{pending: 20, lock: time.Minute, ttl: 2 * time.Minute, deliveries: 3, countLostLocks: true},
		{pending: 20, lock: 5 * time.Minute, ttl: time.Minute, deliveries: 2, countLostLocks: true},
	} {
		t.Run(fmt.Sprintf("%+v", limits), func(t *testing.T) {
			inBubble(t, limits, func(t *testing.T, q *testQueue) { compare(t, q, new(late)) })
		})
		t.Run(fmt.Sprintf("%+v, slow journal", limits), func(t *testing.T) {
			onLateJournal(t, limits, func(t *testing.T, q *lateQueue) { compare(t, q.testQueue, q.journal) })
		})
	}
}

func compare(t *testing.T, q *testQueue, journal *late) {
	seed := cmp.Or(*seedFlag, rand.Uint64())
	t.Logf("seed %#x; -seed repeats it", seed)
	c := &comparison{
		testQueue: q,
		journal:   journal,
		model: naive.New(naive.Limits{
			Pending: q.rules.pending, Lock: q.rules.lock, TTL: q.rules.ttl,
			Deliveries: q.rules.deliveries, CountLostLocks: q.rules.countLostLocks,
		}),
		locks: make(map[LockToken]naive.Lock),
		rand:  rand.New(rand.NewPCG(seed, 0)),
	}
	for range 25_000 {
		c.step()
	}
	c.answer()
	t.Logf("%d messages, %d refused, %v", c.count, c.refused, c.endings)
}

type comparison struct {
	*testQueue
	journal *late // it has the queue's commits, or never any
	model   *naive.Queue
	rand    *rand.Rand
	tokens  []LockToken // also of deliveries that are over
	locks   map[LockToken]naive.Lock
	count   int
	asked   int // and not answered yet
	refused int
	endings map[string]int
}

func (c *comparison) step() {
	c.t.Helper()
	switch n := c.rand.IntN(1000); {
	case n < 300:
		c.putOne()
	case n < 540 && len(c.tokens) > 0:
		c.settleOne()
	case n < 740:
		c.answer()
		c.takeOne()
	case n == 999:
		c.purge()
		c.answer()
	default:
		c.answer()
		c.sleep()
	}
	alive := len(c.model.Alive())
	if c.asked == 0 {
		c.wantPending(alive)
		c.journal.answerAll() // of what has just ended by itself
		c.compareEndings()
	}
}

// answer has the journal answer all that has been asked.
func (c *comparison) answer() {
	c.t.Helper()
	c.journal.answerAll()
	if c.asked != 0 {
		c.t.Fatalf("%d things were asked and not answered", c.asked)
	}
}

// asks counts what is asked, until its outcome is known, which is compared: the error
// is wanted unless it succeeds.
func (c *comparison) asks(what string, succeeds bool, want error) (answered func(got error)) {
	if succeeds {
		want = nil
	}
	c.asked++
	return func(got error) {
		c.asked--
		if !errors.Is(got, want) {
			c.t.Fatalf("%s: %v, want %v", what, got, want)
		}
		if got != nil {
			c.refused++
		}
	}
}

func (c *comparison) putOne() {
	c.count++
	name := fmt.Sprint("m", c.count)
	var expires time.Time
	if c.rand.IntN(2) == 0 {
		expires = time.Now().Add(time.Duration(c.rand.IntN(300)) * time.Second)
	}
	c.PutThen(&Message{ID: name, Expiry: expires}, c.asks("put", c.model.Put(name, expires), ErrQueueFull))
}

func (c *comparison) takeOne() {
	want := c.model.First()
	d, ok := c.Take()
	switch {
	case want == nil && ok:
		c.t.Fatalf("took %s, want nothing", d.Message.ID)
	case want == nil:
		return
	case !ok:
		c.t.Fatalf("took nothing, want %s", want.Name)
	case d.Message.ID != want.Name || d.DeliveryCount != want.Count:
		c.t.Fatalf("took %s, delivered %d times, want %s, %d", d.Message.ID, d.DeliveryCount, want.Name, want.Count)
	}
	c.locks[d.Token] = c.model.Take(want, c.rules.lock)
	c.tokens = append(c.tokens, d.Token)
	if len(c.tokens) > 12 {
		c.tokens = c.tokens[1:]
	}
}

func (c *comparison) settleOne() {
	token := c.tokens[c.rand.IntN(len(c.tokens))]
	s := Settlement(c.rand.IntN(4))
	c.SettleThen(token, s, c.asks(fmt.Sprint("settlement ", s), c.model.Settle(c.locks[token], naive.Settlement(s)), ErrLockLost))
}

func (c *comparison) purge() {
	want := c.model.Purge()
	purged := make(chan int)
	go func() {
		n, err := c.Purge()
		if err != nil {
			c.t.Error(err)
		}
		purged <- n
	}()
	synctest.Wait() // until it is in line
	c.journal.answerAll()
	if got := <-purged; got != want {
		c.t.Fatalf("%d purged, want %d", got, want)
	}
}

// sleep lets some time pass: often none or just to the next event.
func (c *comparison) sleep() {
	d := time.Duration(c.rand.IntN(20)) * time.Second
	if c.rand.IntN(20) == 0 {
		d *= 20
	}
	time.Sleep(d)
	synctest.Wait()
}

func (c *comparison) compareEndings() {
	got := make(map[string]string)
	c.mu.Lock()
	for _, line := range c.ended {
		var name, s string
		if _, err := fmt.Sscan(line, &name, &s); err != nil {
			c.t.Fatal(err)
		}
		if _, twice := got[name]; twice {
			c.t.Fatalf("%s ended twice", name)
		}
		got[name] = s
	}
	c.ended = nil
	c.mu.Unlock()
	if !maps.Equal(got, c.model.Ended) {
		c.t.Fatalf("ended: %v, want %v", got, c.model.Ended)
	}
	if c.endings == nil {
		c.endings = make(map[string]int)
	}
	for _, s := range got {
		c.endings[s]++
	}
	clear(c.model.Ended)
}
