package fault

import (
	"cmp"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Name names something that a hub can do wrong on purpose. [Parse] says what
// each does.
type Name string

// The faults.
const (
	Drop                Name = "drop"
	Close               Name = "close"
	BlackHole           Name = "black-hole"
	EndSession          Name = "end-session"
	Detach              Name = "detach"
	RefuseAuth          Name = "refuse-auth"
	RefuseAttach        Name = "refuse-attach"
	RefuseSend          Name = "refuse-send"
	WithholdCredit      Name = "withhold-credit"
	WithholdDisposition Name = "withhold-disposition"
	LoseDisposition     Name = "lose-disposition"
	ExpireLocks         Name = "expire-locks"
)

// Faults are what a hub does wrong on purpose. The same seed and the same order
// of opportunities give the same faults. The zero value is none.
type Faults struct {
	Seed uint64
	List []Fault
}

// Fault is one way to fail.
type Fault struct {
	Name  Name
	Value string // see [Parse]; empty for the default
	When  When
}

// When says at which opportunities a fault strikes. One field is set, or none:
// always.
type When struct {
	First   int     // at the first so many
	Every   int     // at each Nth
	After   int     // once on each connection, when so many have passed
	Percent float64 // by chance
}

// Injector decides when the faults of a hub strike. Its methods may be called
// from any goroutine.
type Injector struct{ plan atomic.Pointer[plan] }

// NewInjector returns an injector of f.
func NewInjector(f Faults) (*Injector, error) {
	i := new(Injector)
	return i, i.Set(f)
}

// Set replaces the faults from now on. It fails if one of them is none.
func (i *Injector) Set(f Faults) error {
	for _, fault := range f.List {
		if err := fault.check(); err != nil {
			return err
		}
	}
	i.plan.Store(&plan{
		random: rand.New(rand.NewPCG(cmp.Or(f.Seed, 1), 0)), //nolint:gosec // it must repeat
		list:   f.List,
		seen:   make([]int, len(f.List)),
	})
	return nil
}

// plan is the faults of a hub, and the opportunities that they have had.
type plan struct {
	mu     sync.Mutex
	random *rand.Rand
	list   []Fault
	seen   []int // opportunities so far, by index in list
}

// due counts an opportunity of fault n, the how manyeth of its connection, and
// reports whether it is to be used.
func (p *plan) due(n int, w When, ofConn int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[n]++
	switch {
	case w.First > 0:
		return p.seen[n] <= w.First
	case w.Every > 0:
		return p.seen[n]%w.Every == 0
	case w.After > 0:
		return ofConn == w.After+1
	case w.Percent > 0:
		return p.random.Float64()*100 < w.Percent
	}
	return true
}
