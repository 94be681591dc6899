package iothub_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/fault"
)

var (
	seedFlag     = flag.Uint64("seed", 0, "seed of the soak test's faults; 0: a random one")
	messagesFlag = flag.Int("soak.messages", 10_000, "messages of the soak test")
	faultsFlag   = flag.Int("soak.faults", 0, "least number of faults of the soak test; 0: one in 20 messages")
)

// TestSoak has two services send to three devices through a network and a hub
// with many faults of all kinds, and wants every message accounted for.
//
// The seed decides which faults strike after how many bytes and at what chance;
// the order in which goroutines run is not in its power.
//
// It is not parallel: the heap that it measures is that of the whole process.
func TestSoak(t *testing.T) {
	seed := *seedFlag
	for seed == 0 {
		seed = rand.Uint64()
	}
	least := cmp.Or(*faultsFlag, *messagesFlag/20)
	synctest.Test(t, func(t *testing.T) {
		s := newSoak(t, seed, *messagesFlag)
		s.run(t)
		r := s.world.verify("dev1", "dev2", "dev3")
		t.Logf("%v, seed %#x", r, seed)
		if r.faults < least {
			t.Errorf("%d faults struck, want %d", r.faults, least)
		}
		if r.acked != *messagesFlag {
			t.Errorf("%d messages acked, want %d", r.acked, *messagesFlag)
		}
		if t.Failed() {
			t.Logf("to run it again: go test -run TestSoak ./internal/iothub/ -seed %#x -soak.messages %d", seed, *messagesFlag)
		}
	})
}

// soakFaults are the hub's part in the soak, in percent of the opportunities.
const soakFaults = "drop:0.25%,close:0.15%,end-session:0.3%,detach:0.3%,detach=internal-error:0.15%," +
	"refuse-auth=500:5%,refuse-attach:5%,refuse-send:0.7%,refuse-send=throttled:0.7%," +
	"withhold-credit:1%,withhold-disposition:0.1%,lose-disposition:0.1%,expire-locks=10ms:0.7%,black-hole:0.03%"

// soak is one run.
type soak struct {
	world    *world
	messages int
	next     atomic.Int64 // message to send
	done     atomic.Bool  // all are sent
	lost     atomic.Int64 // times that a client told of a lost connection
	restored atomic.Int64
	heap     [2]uint64 // bytes in use, at a quarter and at the end

	mu     sync.Mutex
	random *rand.Rand
}

var soakDevices = []string{"dev1", "dev2", "dev3"}

func newSoak(t *testing.T, seed uint64, messages int) *soak {
	faults, err := fault.Parse(soakFaults)
	if err != nil {
		t.Fatal(err)
	}
	faults.Seed = seed
	injector, err := fault.NewInjector(faults)
	if err != nil {
		t.Fatal(err)
	}
	options := localhub.Options{Faults: injector}
	for _, id := range soakDevices {
		options.Devices = append(options.Devices, localhub.Device{ID: id, Key: defaults.Key()})
	}
	return &soak{
		world:    newWorld(t, messages, options),
		messages: messages,
		random:   rand.New(rand.NewPCG(seed, 1)),
	}
}

// chance returns a random number below n.
func (s *soak) chance(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

// prepare gives every connection a bad fate.
func (s *soak) prepare(_ int, c *faultnet.Conn) {
	c.OnBreak(s.world.ledger.fault)
	direction, after := faultnet.Direction(s.chance(2)), int64(s.chance(200_000))
	switch s.chance(8) {
	case 0:
		c.BlackHoleAfter(direction, after)
	case 1:
		c.Slice(1 + s.chance(100))
	case 2, 3, 4:
		c.CutAfter(direction, after, faultnet.Reset)
	default:
		c.CutAfter(direction, after, faultnet.EOF)
	}
}

func (s *soak) options() iothub.Options {
	return iothub.Options{
		Dial:     s.world.dialer(s.prepare).DialContext,
		SASTTL:   10 * time.Minute,
		Lost:     func(error) { s.lost.Add(1) },
		Restored: func(time.Duration) { s.restored.Add(1) },
	}
}

// run sends everything, and ends when everything has ended.
func (s *soak) run(t *testing.T) {
	w := s.world
	defer w.close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var senders, receivers sync.WaitGroup
	for _, id := range soakDevices {
		d := w.device(ctx, id, s.options())
		defer d.Close(t.Context())
		receivers.Go(func() { s.receive(ctx, t, d) })
	}
	var services []*iothub.Service
	for range 2 {
		service := w.service(ctx, s.options())
		services = append(services, service)
		for range 4 {
			senders.Go(func() { s.send(ctx, t, service) })
		}
		receivers.Go(func() { s.report(ctx, t, service) })
	}
	senders.Wait()
	s.done.Store(true)
	for w.ledger.open() > 0 && !t.Failed() {
		time.Sleep(time.Second)
	}
	s.heap[1] = heapInUse()
	cancel()
	receivers.Wait()
	for _, service := range services {
		w.closeService(service)
	}
	s.checkEnd(t)
}

// checkEnd wants memory flat, and users told of every end and beginning.
func (s *soak) checkEnd(t *testing.T) {
	const growth = 8 << 20
	if s.heap[1] > s.heap[0]+growth {
		t.Errorf("the heap grew from %d to %d bytes", s.heap[0], s.heap[1])
	}
	const clients = 5
	lost, restored := s.lost.Load(), s.restored.Load()
	if lost < restored || lost > restored+clients {
		t.Errorf("told of %d lost connections and %d restored", lost, restored)
	}
	t.Logf("%d connections lost; heap %d MB at a quarter, %d MB at the end", lost, s.heap[0]>>20, s.heap[1]>>20)
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// send sends messages until there are no more.
func (s *soak) send(ctx context.Context, t *testing.T, service *iothub.Service) {
	for {
		n := int(s.next.Add(1) - 1)
		if n >= s.messages || t.Failed() {
			return
		}
		if n == s.messages/4 {
			s.heap[0] = heapInUse()
		}
		if err := s.sendOne(ctx, service, n); err != nil {
			t.Errorf("message %d: %v", n, err)
		}
	}
}

// sendOne sends one message, and waits while the device's queue is full.
func (s *soak) sendOne(ctx context.Context, service *iothub.Service, n int) error {
	for {
		err := s.world.send(ctx, service, soakDevices[n%len(soakDevices)], n)
		if !errors.Is(err, iothub.ErrQueueFull) {
			return err
		}
		if errors.Is(err, iothub.ErrIndeterminate) {
			s.mu.Lock()
			s.world.resent++ // now, by us
			s.mu.Unlock()
		}
		time.Sleep(10 * time.Second)
	}
}

// receive receives messages, and completes most of them.
func (s *soak) receive(ctx context.Context, t *testing.T, device *iothub.Device) {
	for {
		m, err := device.Receive(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
		s.world.ledger.received(m)
		settle := m.Complete
		switch s.chance(100) {
		case 0, 1:
			settle = m.Abandon
		case 2:
			settle = m.Reject
		case 3:
			time.Sleep(time.Second) // think
		}
		if err := settle(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, iothub.ErrLockLost) {
			t.Error(err)
		}
	}
}

// report reads feedback.
func (s *soak) report(ctx context.Context, t *testing.T, service *iothub.Service) {
	feedback, err := service.ReceiveFeedback(ctx)
	for err == nil {
		err = s.world.report(ctx, feedback)
	}
	if ctx.Err() == nil {
		t.Error(err)
	}
}
