package localhub

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// FaultName names something that a hub can do wrong on purpose. [ParseFaults]
// says what each does.
type FaultName string

// The faults.
const (
	FaultDrop                FaultName = "drop"
	FaultClose               FaultName = "close"
	FaultBlackHole           FaultName = "black-hole"
	FaultEndSession          FaultName = "end-session"
	FaultDetach              FaultName = "detach"
	FaultRefuseAuth          FaultName = "refuse-auth"
	FaultRefuseAttach        FaultName = "refuse-attach"
	FaultRefuseSend          FaultName = "refuse-send"
	FaultWithholdCredit      FaultName = "withhold-credit"
	FaultWithholdDisposition FaultName = "withhold-disposition"
	FaultLoseDisposition     FaultName = "lose-disposition"
	FaultExpireLocks         FaultName = "expire-locks"
)

// Faults are what a hub does wrong on purpose, so that clients can be tried on
// a bad day. The same seed and the same order of opportunities give the same
// faults. The zero value is none.
type Faults struct {
	Seed uint64
	List []Fault
}

// Fault is one way to misbehave.
type Fault struct {
	Name  FaultName
	Value string // see [ParseFaults]; empty for the default
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

// injector decides when faults strike.
type injector struct {
	mu     sync.Mutex
	random *rand.Rand
	list   []Fault
	seen   []int // opportunities so far, by index in list
}

func newInjector(f Faults) (*injector, error) {
	for _, fault := range f.List {
		if err := fault.check(); err != nil {
			return nil, err
		}
	}
	return &injector{
		random: rand.New(rand.NewPCG(cmp.Or(f.Seed, 1), 0)), //nolint:gosec // it must repeat
		list:   f.List,
		seen:   make([]int, len(f.List)),
	}, nil
}

// Inject replaces the faults of the hub from now on.
func (h *Hub) Inject(f Faults) error {
	i, err := newInjector(f)
	if err != nil {
		return err
	}
	h.injector.Store(i)
	return nil
}

// opportunities counts those of one connection. It belongs to the owner.
type opportunities struct {
	of   *injector
	seen map[int]int // by index in the injector's list
}

// strikes reports whether a fault of the name strikes at this opportunity, and
// with what value.
func (c *conn) strikes(name FaultName) (value string, yes bool) {
	i := c.hub.injector.Load()
	if len(i.list) == 0 {
		return "", false
	}
	if c.chances.of != i {
		c.chances = opportunities{i, make(map[int]int)}
	}
	for n, f := range i.list {
		if f.Name != name {
			continue
		}
		c.chances.seen[n]++
		if !i.due(n, f.When, c.chances.seen[n]) {
			continue
		}
		c.log.Info("fault", "name", string(name), "value", f.Value)
		c.hub.tell(Event{Kind: EventFault, Detail: string(name)})
		return f.Value, true
	}
	return "", false
}

// due counts an opportunity of fault n, the how manyeth of its connection, and
// reports whether it is to be used.
func (i *injector) due(n int, w When, ofConn int) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seen[n]++
	switch {
	case w.First > 0:
		return i.seen[n] <= w.First
	case w.Every > 0:
		return i.seen[n]%w.Every == 0
	case w.After > 0:
		return ofConn == w.After+1
	case w.Percent > 0:
		return i.random.Float64()*100 < w.Percent
	}
	return true
}

// noAnswer is the value of refuse-auth that withholds the reply, noReason that of
// close that gives no error.
const (
	noAnswer = "none"
	noReason = "none"
)

// errNoReason closes a connection without telling the client why.
var errNoReason = errors.New("closed on purpose")

// shortConditions are the words for common conditions.
var shortConditions = map[string]amqpwire.Symbol{
	"detach-forced":     condDetachForced,
	"stolen":            condStolen,
	"internal-error":    condInternalError,
	"resource-limit":    condLimitExceeded,
	"not-found":         condNotFound,
	"unauthorized":      condUnauthorized,
	"throttled":         "com.microsoft:device-container-throttled",
	"connection-forced": condConnectionForced,
}

// onPurpose is the error of a fault.
func onPurpose(value string, usual amqpwire.Symbol) *amqpwire.Error {
	condition := usual
	if value != "" {
		condition = cmp.Or(shortConditions[value], amqpwire.Symbol(value))
	}
	return protocolError(condition, "The hub was told to fail here.")
}

// closing is the error with which close ends a connection.
func closing(value string) error {
	if value == noReason {
		return errNoReason
	}
	return onPurpose(value, condConnectionForced)
}

// authStatus is the status that refuse-auth gives a token.
func authStatus(value string) int32 {
	n, _ := strconv.ParseInt(cmp.Or(value, "401"), 10, 32) // ParseFaults has checked it
	return int32(n)
}

// lockOnPurpose is the life that expire-locks gives a lock.
func lockOnPurpose(value string) time.Duration {
	d, _ := time.ParseDuration(cmp.Or(value, "1s"))
	return d
}
