package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/console"
)

// What the hub refuses of one message is no reason not to send the others; what it
// would refuse of all is.
func TestRefusalOfOne(t *testing.T) {
	for condition, test := range map[amqpwire.Symbol]struct {
		code  console.ExitCode
		want  string
		sends int
	}{
		"amqp:resource-limit-exceeded":    {console.ExitRefused, "2 sent, 1 refused (queue full).", 3},
		"amqp:link:message-size-exceeded": {console.ExitRefused, "2 sent, 1 refused (too large).", 3},
		"amqp:not-allowed":                {console.ExitRefused, "2 sent, 1 refused (invalid message).", 3},
		"com.example:device-asleep":       {console.ExitRefused, "2 sent, 1 refused (other reasons).", 3},
		"amqp:not-found":                  {console.ExitRefused, "1 sent, 1 refused (unknown device).", 2}, // there is no other device
		"com.microsoft:quota-exceeded":    {console.ExitRefused, "1 sent.", 2},
		"com.microsoft:iot-hub-suspended": {console.ExitFailed, "1 sent.", 2},
		"amqp:unauthorized-access":        {console.ExitAuth, "1 sent.", 2},
	} {
		t.Run(string(condition), func(t *testing.T) {
			withHub(t, func(_ *fakeHub, m sentMessage) amqpOutcome {
				if m.n == 2 {
					return reject(condition)
				}
				return accept(m)
			}, func(t *testing.T, h *fakeHub) {
				r := &tool{dial: h.dial}
				code := r.run(t.Context(), "-d", "d", "--no-wait", "--retry-queue-full", "0", "--count", "3", "hello")
				r.wantCode(t, code, test.code)
				r.wantLines(t, test.want, string(condition)+": The reason.")
				if got := len(h.ids()); got != test.sends {
					t.Errorf("%d messages sent, want %d", got, test.sends)
				}
			})
		})
	}
}

// Each reason is told with its hint once, and once more for each device. Of others
// the id is told.
func TestRefusalsAreToldOnce(t *testing.T) {
	withHub(t, func(*fakeHub, sentMessage) amqpOutcome { return reject("amqp:resource-limit-exceeded") }, func(t *testing.T, h *fakeHub) {
		r := &tool{dial: h.dial}
		code := r.run(t.Context(), "-d", "one", "-d", "two", "--no-wait", "--retry-queue-full", "0", "--count", "3", "--message-id", "m{{.N}}", "hello")
		r.wantCode(t, code, console.ExitRefused)
		for text, want := range map[string]int{
			"send-c2d: send to one: the hub answered amqp:resource-limit-exceeded": 1,
			"send-c2d: send to two: the hub answered amqp:resource-limit-exceeded": 1,
			"hint: ": 1, "Also for one: m1 (queue full)": 1, "Also for two: m2 (queue full)": 1, "Also for ": 4,
			"0 sent, 6 refused (queue full).": 1,
		} {
			if got := strings.Count(r.err.String(), text); got != want {
				t.Errorf("%d times %q, want %d:\n%s", got, text, want, r.err.String())
			}
		}
	})
}

// A device that the hub does not know gets no more messages; others do.
func TestUnknownDeviceIsTriedOnce(t *testing.T) {
	withHub(t, func(_ *fakeHub, m sentMessage) amqpOutcome {
		if strings.Contains(m.device, "missing") {
			return reject("amqp:not-found")
		}
		return accept(m)
	}, func(t *testing.T, h *fakeHub) {
		r := &tool{dial: h.dial}
		code := r.run(t.Context(), "-d", "one", "-d", "missing", "-d", "three", "--no-wait", "--count", "3", "--message-id", "{{.Device}}{{.N}}", "hello")
		r.wantCode(t, code, console.ExitRefused)
		r.wantLines(t, "6 sent, 3 refused (unknown device).")
		if got, want := h.ids(), []string{"one0", "missing0", "three0", "one1", "three1", "one2", "three2"}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

// A wait for room that was of no use is not repeated for each message.
func TestUselessWaitIsNotRepeated(t *testing.T) {
	withHub(t, func(_ *fakeHub, m sentMessage) amqpOutcome { return reject("amqp:resource-limit-exceeded") }, func(t *testing.T, h *fakeHub) {
		r := &tool{dial: h.dial}
		began := time.Now()
		code := r.run(t.Context(), "-d", "d", "--no-wait", "--count", "5", "--retry-queue-full", "1m", "hello")
		r.wantCode(t, code, console.ExitRefused)
		r.wantLines(t, "0 sent, 5 refused (queue full).", "Waiting for room in the queue of d.")
		if took := time.Since(began); took > time.Minute+time.Second {
			t.Errorf("it took %s, want a minute", took)
		}
	})
}
