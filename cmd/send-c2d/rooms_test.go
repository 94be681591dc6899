package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/console"
)

// queues are the queues of a hub's devices, each of which takes a message every so
// often; 0 is never.
type queues struct {
	mu      sync.Mutex
	every   map[string]time.Duration
	waiting map[string]int
	got     map[string][]string // ids, in the order in which the hub took them
	when    map[string]time.Time
	refused int
}

const roomFor = 5

func newQueues(every map[string]time.Duration) *queues {
	return &queues{every: every, waiting: make(map[string]int), got: make(map[string][]string), when: make(map[string]time.Time)}
}

// answer answers a message. If there is to be feedback, it comes when the device takes
// the message.
func (q *queues) answer(h *fakeHub, m sentMessage, feedback bool) amqpOutcome {
	device := strings.Split(m.device, "/")[2]
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[device] >= roomFor {
		q.refused++
		return reject("amqp:resource-limit-exceeded")
	}
	q.waiting[device]++
	q.got[device] = append(q.got[device], m.id)
	q.when[device] = time.Now()
	if every := q.every[device]; every > 0 {
		time.AfterFunc(every*time.Duration(q.waiting[device]), func() {
			q.mu.Lock()
			q.waiting[device]--
			q.mu.Unlock()
			if feedback {
				h.addFeedbackOf(device, m.id)
			}
		})
	}
	return accept(m)
}

// TestFullQueueIsWaitedFor sends to a device that is slow, with feedback and without:
// all arrives in order, at the device's pace and with few refusals.
func TestFullQueueIsWaitedFor(t *testing.T) {
	for _, feedback := range []bool{true, false} {
		for _, every := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 9 * time.Second} {
			t.Run(fmt.Sprint(feedback, every), func(t *testing.T) {
				q := newQueues(map[string]time.Duration{"d": every})
				withHub(t, func(h *fakeHub, m sentMessage) amqpOutcome { return q.answer(h, m, feedback) }, func(t *testing.T, h *fakeHub) {
					r := &tool{dial: h.dial}
					const messages = 100
					arguments := []string{"-d", "d", "--message-id", "{{.N}}-{{.UUID}}", "--count", fmt.Sprint(messages), "hello"}
					if !feedback {
						arguments = append(arguments, "--no-wait")
					}
					began := time.Now()
					r.wantCode(t, r.run(t.Context(), arguments...), 0)
					r.wantLines(t, fmt.Sprintf("%d sent", messages), "The queue of d is full: waiting for room while the device takes messages.")
					for n, id := range q.got["d"] {
						if !strings.HasPrefix(id, fmt.Sprint(n, "-")) {
							t.Fatalf("message %d is %s", n, id)
						}
					}
					if most := every*roomFor*messages + 15*time.Second; time.Since(began) > most {
						t.Errorf("it took %s, want %s at most", time.Since(began), most)
					}
					if most := messages * 5; q.refused > most && every < time.Second {
						t.Errorf("%d refusals, want %d at most", q.refused, most)
					}
				})
			})
		}
	}
}

// TestStuckDeviceIsGivenUp wants a device that takes nothing to be waited for 10 s, one
// that has stopped a minute, and the others to be served meanwhile, as if those were
// not there.
func TestStuckDeviceIsGivenUp(t *testing.T) {
	q := newQueues(map[string]time.Duration{"dead": 0, "fast": time.Millisecond, "slow": 500 * time.Millisecond, "stops": 100 * time.Millisecond})
	withHub(t, func(h *fakeHub, m sentMessage) amqpOutcome {
		q.mu.Lock()
		if len(q.got["stops"]) == 20 {
			q.every["stops"] = 0
		}
		q.mu.Unlock()
		return q.answer(h, m, false)
	}, func(t *testing.T, h *fakeHub) {
		r := &tool{dial: h.dial}
		began := time.Now()
		code := r.run(t.Context(), "-d", "dead", "-d", "fast", "-d", "slow", "-d", "stops", "--no-wait", "--count", "40", "hello")
		r.wantCode(t, code, console.ExitRefused)
		r.wantLines(t, "queue full", "The queue of dead is full", "The queue of stops is full")
		if len(q.got["fast"]) != 40 || len(q.got["slow"]) != 40 || len(q.got["dead"]) != roomFor {
			t.Errorf("fast got %d, slow %d, dead %d, want 40, 40 and %d", len(q.got["fast"]), len(q.got["slow"]), len(q.got["dead"]), roomFor)
		}
		if took := q.when["fast"].Sub(began); took > 2*time.Second {
			t.Errorf("the fast device was done after %s", took)
		}
		if took := time.Since(began); took < time.Minute || took > 2*time.Minute {
			t.Errorf("the run took %s, want a bit more than a minute", took)
		}
	})
}

// TestRandomQueues sends random numbers of messages to devices of random speed, with
// many in flight: each device that takes messages gets all of its own, once.
func TestRandomQueues(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			every := make(map[string]time.Duration)
			var arguments []string
			for n := range 2 + random.IntN(20) {
				device := fmt.Sprint("d", n)
				every[device] = time.Duration(1+random.IntN(1000)) * time.Millisecond
				arguments = append(arguments, "-d", device)
			}
			count := 1 + random.IntN(60)
			arguments = append(arguments, "--count", fmt.Sprint(count), "--in-flight", fmt.Sprint(1+random.IntN(32)), "--message-id", "{{.UUID}}", "hello")
			feedback := random.IntN(2) > 0
			if !feedback {
				arguments = append(arguments, "--no-wait")
			}
			q := newQueues(every)
			withHub(t, func(h *fakeHub, m sentMessage) amqpOutcome { return q.answer(h, m, feedback) }, func(t *testing.T, h *fakeHub) {
				r := &tool{dial: h.dial}
				r.wantCode(t, r.run(t.Context(), arguments...), 0)
				for device := range every {
					ids := slices.Clone(q.got[device])
					slices.Sort(ids)
					if got := len(slices.Compact(ids)); got != count || len(q.got[device]) != count {
						t.Errorf("%s got %d messages, %d of them different, want %d", device, len(q.got[device]), got, count)
					}
				}
			})
		})
	}
}

// TestRunEndsWhileQueuesAreFull wants a run whose time is over to end at once, whatever
// waits for room.
func TestRunEndsWhileQueuesAreFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHub(t)
		q := newQueues(nil)
		h.answer = func(m sentMessage) amqpOutcome { return q.answer(h, m, false) }
		r := &tool{dial: h.dial}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if code := r.run(ctx, "-d", "one", "-d", "two", "--no-wait", "--count", "3000", "hello"); code == 0 {
			t.Error("exit code 0")
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it took %s", took)
		}
		r.wantLines(t, "10 sent")
	})
}

// TestGivenUpDeviceComesBack wants a device that was given up to be tried with each
// further message, once, and to be waited for again once it takes some.
func TestGivenUpDeviceComesBack(t *testing.T) {
	for _, inFlight := range []string{"1", "8"} {
		t.Run(inFlight, func(t *testing.T) {
			q := newQueues(map[string]time.Duration{"d": 0})
			var began time.Time
			withHub(t, func(h *fakeHub, m sentMessage) amqpOutcome {
				q.mu.Lock()
				if passed := time.Since(began); passed > 20*time.Second && q.every["d"] == 0 {
					q.every["d"], q.waiting["d"] = 3*time.Second, 0
				}
				q.mu.Unlock()
				return q.answer(h, m, false)
			}, func(t *testing.T, h *fakeHub) {
				r := &tool{dial: h.dial}
				began = time.Now()
				code := r.run(t.Context(), "-d", "d", "--no-wait", "--count", "60", "--interval", "1s", "--in-flight", inFlight, "hello")
				r.wantCode(t, code, console.ExitRefused)
				// 5 are taken at first. Those of the next 15 s are refused, those of the last
				// 40 s are taken: the device takes more than that before its queue is full.
				if got := len(q.got["d"]); got < 43 || got > 46 {
					t.Errorf("the device got %d messages", got)
				}
			})
		})
	}
}

// TestOrderHoldsAtARate wants the messages of a device to arrive in order, one at a
// time, while those that wait for room share a rate with new ones.
func TestOrderHoldsAtARate(t *testing.T) {
	for _, feedback := range []bool{true, false} {
		for _, every := range []time.Duration{90 * time.Millisecond, 150 * time.Millisecond, 700 * time.Millisecond} {
			t.Run(fmt.Sprint(feedback, every), func(t *testing.T) {
				q := newQueues(map[string]time.Duration{"d": every})
				withHub(t, func(h *fakeHub, m sentMessage) amqpOutcome { return q.answer(h, m, feedback) }, func(t *testing.T, h *fakeHub) {
					r := &tool{dial: h.dial}
					const messages = 60
					arguments := []string{"-d", "d", "--message-id", "{{.N}}-{{.UUID}}", "--count", fmt.Sprint(messages), "--rate", "10", "hello"}
					if !feedback {
						arguments = append(arguments, "--no-wait")
					}
					r.wantCode(t, r.run(t.Context(), arguments...), 0)
					if got := len(q.got["d"]); got != messages {
						t.Errorf("%d messages arrived, want %d", got, messages)
					}
					for n, id := range q.got["d"] {
						if !strings.HasPrefix(id, fmt.Sprint(n, "-")) {
							t.Fatalf("message %d is %s", n, id)
						}
					}
				})
			})
		}
	}
}
