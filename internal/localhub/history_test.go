package localhub_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/broker/naive"
	"iothub-c2d/internal/localhub/defaults"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random histories (0: a new one)")

// TestHistories does at random what back ends and a device do with one queue over
// AMQP, MQTT and HTTP, each at any time, and holds all that is seen of it against
// the naive queue.
func TestHistories(t *testing.T) {
	t.Parallel()
	for _, limits := range []naive.Limits{
		{Pending: 50, Lock: time.Minute, TTL: time.Hour, Deliveries: 10},
		{Pending: 120, Lock: time.Minute, TTL: 4 * time.Hour, Deliveries: 10},
		{Pending: 5, Lock: time.Minute, TTL: 3 * time.Minute, Deliveries: 3},
		{Pending: 20, Lock: 5 * time.Minute, TTL: time.Minute, Deliveries: 2, CountLostLocks: true},
	} {
		t.Run(fmt.Sprintf("%+v", limits), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newHistory(t, limits).run() })
		})
	}
}

// history is a hub and what its clients do, one thing after the other. Devices come
// and go by themselves or are displaced: at most one of link and client is there.
type history struct {
	t       *testing.T
	line    line
	rand    *rand.Rand
	model   *naive.Queue
	service *iothub.Service
	owner   rest
	device  rest
	asked   []locked       // over HTTP
	link    *historyLink   // nil: the device is not there over AMQP
	client  *historyClient // never nil, but perhaps not there

	// disorder: a client took the place of a link, and got messages while the hub still
	// took back what the link held.
	disorder bool

	acks   map[string]iothub.Ack // of the messages that were sent
	counts map[string]int        // of what was done, and seen

	mu       sync.Mutex
	ended    map[string]string // since they were compared last, in the hub's own words,
	feedback map[string]string // and in those of feedback
}

// locked is a delivery over HTTP.
type locked struct {
	token string
	lock  naive.Lock
}

func newHistory(t *testing.T, limits naive.Limits) *history {
	seed := cmp.Or(*seedFlag, rand.Uint64())
	t.Logf("seed %#x; -seed repeats it", seed)
	h := &history{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), model: naive.New(limits),
		acks: make(map[string]iothub.Ack), counts: make(map[string]int),
		ended: make(map[string]string), feedback: make(map[string]string),
	}
	h.line = overPipes(t, localhub.Options{
		MaxQueue: limits.Pending, LockTimeout: limits.Lock, DefaultTTL: limits.TTL,
		MaxDeliveryCount: limits.Deliveries, CountLostLocks: limits.CountLostLocks,
		Observer: h.observe,
	})
	h.service = dialService(t.Context(), t, h.line)
	r := restOf(t, h.line, route{})
	h.owner = r.as(signed(defaults.Key(), "localhost", "iothubowner", lifetime))
	h.device = r.as(signed(defaults.Key(), "localhost/devices/dev1", "", lifetime))
	h.client = &historyClient{history: h, sent: make(map[uint16]naive.Lock), seen: make(map[string]bool)}
	return h
}

// lifetime is more than a history takes.
const lifetime = 10_000 * time.Hour

func (h *history) observe(e localhub.Event) {
	if e.Kind == broker.EventFinished {
		h.note(h.ended, e.MessageID, e.Detail)
	}
}

// note notes how a message has ended, from any goroutine.
func (h *history) note(in map[string]string, id, status string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	in[id] += status // twice would show
}

func (h *history) run() {
	ctx, cancel := context.WithCancel(h.t.Context())
	feedback, err := h.service.ReceiveFeedback(ctx)
	check(h.t, err)
	var reader sync.WaitGroup
	reader.Go(func() { h.readFeedback(ctx, feedback) })
	for range 4000 {
		h.step()
		h.catchUp()
	}
	cancel()
	reader.Wait()
	h.t.Log(h.counts)
}

func (h *history) step() {
	h.t.Helper()
	switch n := h.rand.IntN(1000); {
	case n < 200:
		h.put()
	case n < 270:
		h.askByHTTP()
	case n < 360:
		h.settleByHTTP()
	case n < 375:
		h.attach()
	case n < 390:
		h.client.connect()
	case n < 760:
		h.act()
	case n < 761:
		h.purge()
	case n < 765:
		h.disable()
	case n < 780:
		h.countByREST()
	default:
		h.sleep()
	}
}

// act has the device do something, if it is there.
func (h *history) act() {
	switch {
	case h.link != nil:
		h.link.act()
	case h.client.there():
		h.client.act()
	}
}

// sleep lets some time pass, from one event to the next.
func (h *history) sleep() {
	d := time.Duration(h.rand.IntN(20)) * time.Second
	if h.rand.IntN(10) == 0 {
		d *= 20
	}
	const patience = 100 * time.Second // of the hub, with a silent client, and more
	for end := time.Now().Add(d); time.Now().Before(end); {
		until := end
		if next := h.model.Next(); !next.IsZero() && next.Before(until) {
			until = next
		}
		time.Sleep(min(time.Until(until), patience))
		h.catchUp()
		if h.link != nil {
			h.link.Send(0, nil)
		}
		if h.client.there() {
			h.client.WantAlive()
		}
	}
}

// wantMessage returns the message that was delivered. It must be the first, if its
// order is certain. A count may be missing.
func (h *history) wantMessage(door, id, count string) *naive.Message {
	h.t.Helper()
	m := h.model.First()
	if h.disorder {
		m = h.model.Ready(id)
	}
	if m == nil || id != m.Name || count != "" && count != fmt.Sprint(m.Count) {
		h.t.Fatalf("over %s came %s, delivered %s times, want %+v", door, id, count, m)
	}
	h.counts[door]++
	return m
}

// pushed is who gets messages as soon as they are ready.
type pushed interface {
	room() bool
	receive() // the next message, which must be there
	wantNothing()
}

// catchUp compares what has happened: what was delivered to the device, if it is
// there, and what has ended.
func (h *history) catchUp() {
	h.t.Helper()
	synctest.Wait()
	var receiver pushed
	switch {
	case h.link != nil:
		receiver = h.link
	case h.client.there():
		receiver = h.client
	}
	if receiver != nil {
		for receiver.room() && h.model.First() != nil {
			receiver.receive()
		}
		receiver.wantNothing()
		if h.client.there() && h.model.First() != nil {
			h.counts["full flights over MQTT"]++
		}
	}
	h.disorder = false
	h.model.Alive()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !maps.Equal(h.ended, h.model.Ended) {
		h.t.Fatalf("ended: %v, want %v", h.ended, h.model.Ended)
	}
	maps.DeleteFunc(h.model.Ended, func(id, status string) bool { return !wants(h.acks[id], status) })
	if !maps.Equal(h.feedback, h.model.Ended) {
		h.t.Fatalf("feedback: %v, want %v", h.feedback, h.model.Ended)
	}
	for _, status := range h.ended {
		h.counts[status]++
	}
	clear(h.model.Ended)
	clear(h.ended)
	clear(h.feedback)
}

// wants reports whether the sender is to hear of the status.
func wants(a iothub.Ack, status string) bool {
	return a == iothub.AckFull || status == "Success" && a == iothub.AckPositive || status != "Success" && a == iothub.AckNegative
}
