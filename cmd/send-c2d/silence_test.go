package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/console"
)

// A run without progress says what it waits for, and why.
func TestSilenceIsExplained(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(h *fakeHub, m sentMessage) amqpOutcome
		credit uint32
		want   string
	}{
		"no answer":      {func(*fakeHub, sentMessage) amqpOutcome { return nil }, 100, "the hub's answer to message 0"},
		"released":       {func(*fakeHub, sentMessage) amqpOutcome { return &amqpwire.Released{} }, 100, "the hub's answer to message 0; last: the hub gave the message back"},
		"internal error": {func(*fakeHub, sentMessage) amqpOutcome { return reject("amqp:internal-error") }, 100, "the hub's answer to message 0; last: amqp:internal-error: The reason"},
		"no credit":      {func(*fakeHub, sentMessage) amqpOutcome { return nil }, 0, "credit to send message 0"},
		"no feedback":    {func(_ *fakeHub, m sentMessage) amqpOutcome { return accept(m) }, 100, "feedback: it comes when the device is done with the message, and Azure collects it for up to 15 s"},
		"full queue":     {func(*fakeHub, sentMessage) amqpOutcome { return reject("amqp:resource-limit-exceeded") }, 100, "room in the queue of d"},
	} {
		t.Run(name, func(t *testing.T) {
			withHub(t, test.answer, func(t *testing.T, h *fakeHub) {
				h.setCredit(test.credit)
				ctx, cancel := context.WithCancelCause(t.Context())
				r := &tool{dial: h.dial}
				ended := make(chan console.ExitCode, 1)
				go func() { ended <- r.run(ctx, "-d", "d", "--retry-queue-full", "1h", "hello") }()
				time.Sleep(5 * time.Second)
				r.wantLines(t, "\nWaiting for "+test.want+".\n")
				time.Sleep(10 * time.Minute)
				if n := strings.Count(r.err.String(), "\nWaiting for "); n > 13 {
					t.Errorf("%d notes in ten minutes:\n%s", n, r.err.String())
				}
				cancel(errors.New("interrupted"))
				<-ended
			})
		})
	}
}

// While the hub cannot be reached, that is told, and not that feedback takes its
// time.
func TestLostHubIsExplained(t *testing.T) {
	withHub(t, nil, func(t *testing.T, h *fakeHub) {
		h.answer = accept
		r := &tool{dial: h.dial}
		ctx, cancel := context.WithCancelCause(t.Context())
		var running sync.WaitGroup
		running.Go(func() { r.run(ctx, "-d", "d", "hello") })
		monitor := &tool{dial: h.dial}
		running.Go(func() { monitor.monitor(ctx) })
		time.Sleep(10 * time.Second)
		h.goAway()
		time.Sleep(10 * time.Second)
		want := "\nWaiting for the connection%s; last: gone away.\n"
		r.wantLines(t, fmt.Sprintf(want, ", to receive feedback"))
		monitor.wantLines(t, fmt.Sprintf(want, ""))
		cancel(errors.New("interrupted"))
		running.Wait()
	})
}

// A reader of feedback that gets none has nothing to explain.
func TestMonitorMayWait(t *testing.T) {
	withHub(t, nil, func(t *testing.T, h *fakeHub) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, console.ErrTimeout)
		defer cancel()
		r := &tool{dial: h.dial}
		r.wantCode(t, r.monitor(ctx), console.ExitTimeout)
		if text := r.err.String(); strings.Contains(text, "Waiting for the") {
			t.Errorf("got %q", text)
		}
	})
}
