package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/console"
)

// withHub runs a test with a hub that answers each message.
func withHub(t *testing.T, answer func(h *fakeHub, m sentMessage) amqpOutcome, test func(t *testing.T, h *fakeHub)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHub(t)
		if answer != nil {
			h.answer = func(m sentMessage) amqpOutcome { return answer(h, m) }
		}
		test(t, h)
	})
}

func reject(condition amqpwire.Symbol) amqpOutcome {
	return &amqpwire.Rejected{Error: &amqpwire.Error{Condition: condition, Description: "The reason."}}
}

// Feedback is only on what the hub has. It counts, whatever the hub answers, before
// or after it.
func TestFeedbackIsAcceptance(t *testing.T) {
	for name, answer := range map[string]func(h *fakeHub, m sentMessage) amqpOutcome{
		"no answer":  func(*fakeHub, sentMessage) amqpOutcome { return nil },
		"refused":    func(*fakeHub, sentMessage) amqpOutcome { return reject("amqp:not-allowed") },
		"queue full": func(*fakeHub, sentMessage) amqpOutcome { return reject("amqp:resource-limit-exceeded") },
		"no outcome": func(*fakeHub, sentMessage) amqpOutcome { return &amqpwire.Received{} },
		"connection lost": func(h *fakeHub, _ sentMessage) amqpOutcome {
			h.onSettled = h.cut
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			withHub(t, func(h *fakeHub, m sentMessage) amqpOutcome {
				h.addFeedback(m.id)
				return answer(h, m)
			}, func(t *testing.T, h *fakeHub) {
				r := &tool{dial: h.dial}
				code := r.run(t.Context(), "-d", "d", "--message-id", "mine", "hello")
				r.wantCode(t, code, 0)
				r.wantLines(t, "\nSent mine to d (5 bytes)\nSuccess: mine after ", "\n1 sent, 1 Success.\n")
				if got := h.ids(); !slices.Equal(got, []string{"mine"}) {
					t.Errorf("sent %q, want the message once", got)
				}
			})
		})
	}
}

// What the hub may have is counted, and is not called a success.
func TestDoubtIsCounted(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(h *fakeHub, m sentMessage) amqpOutcome
		flags  string
		limit  time.Duration // of the run; 0: none
		code   console.ExitCode
		want   string
	}{
		"no outcome": {
			func(*fakeHub, sentMessage) amqpOutcome { return &amqpwire.Received{} }, "--no-wait --count 3", 0,
			console.ExitFailed, "0 sent, 3 in doubt.",
		},
		"no outcome for one": {
			func(_ *fakeHub, m sentMessage) amqpOutcome {
				if m.n == 2 {
					return &amqpwire.Received{}
				}
				return accept(m)
			}, "--no-wait --count 3", 0, console.ExitFailed, "2 sent, 1 in doubt.",
		},
		"no outcome, and no feedback": {
			func(*fakeHub, sentMessage) amqpOutcome { return &amqpwire.Received{} }, "--feedback-timeout 10s", 0,
			console.ExitFailed, "0 sent, 1 in doubt.",
		},
		"connection lost": {
			func(h *fakeHub, _ sentMessage) amqpOutcome { h.cut(); return nil }, "--no-wait --no-reconnect", 0,
			console.ExitFailed, "0 sent, 1 in doubt.",
		},
		"no answer in time": {
			func(*fakeHub, sentMessage) amqpOutcome { return nil }, "--no-wait", 10 * time.Second,
			console.ExitTimeout, "0 sent, 1 in doubt.",
		},
		"refused, after a lost connection": {
			func(h *fakeHub, m sentMessage) amqpOutcome {
				if m.n == 1 {
					h.cut()
					return nil
				}
				return reject("amqp:resource-limit-exceeded")
			}, "--no-wait --retry-queue-full 1m", 0, console.ExitFailed, "0 sent, 1 in doubt, 1 sent again.",
		},
		"not sent again, for lack of credit": {
			func(h *fakeHub, _ sentMessage) amqpOutcome {
				h.setCredit(0)
				h.cut()
				return nil
			}, "--no-wait", time.Minute, console.ExitTimeout, "0 sent, 1 in doubt.",
		},
		"accepted, after a lost connection": {
			func(h *fakeHub, m sentMessage) amqpOutcome {
				if m.n == 1 {
					h.cut()
					return nil
				}
				return accept(m)
			}, "--no-wait", 0, 0, "1 sent, 1 sent again.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			withHub(t, test.answer, func(t *testing.T, h *fakeHub) {
				ctx := t.Context()
				if test.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeoutCause(ctx, test.limit, console.ErrTimeout)
					defer cancel()
				}
				r := &tool{dial: h.dial}
				code := r.run(ctx, append(strings.Fields(test.flags), "-o", "json", "-d", "d", "hello")...)
				r.wantCode(t, code, test.code)
				r.wantLines(t, test.want)
				var total struct{ Sent, Doubtful, Resent int }
				lines := strings.Split(strings.TrimSpace(r.out.String()), "\n")
				if err := json.Unmarshal([]byte(lines[len(lines)-1]), &total); err != nil {
					t.Fatal(err)
				}
				if copies := len(h.ids()); total.Sent+total.Doubtful+total.Resent < copies {
					t.Errorf("total %+v, want no less than the %d messages that the hub has", total, copies)
				}
			})
		})
	}
}

func TestDoubtInJSON(t *testing.T) {
	withHub(t, func(_ *fakeHub, m sentMessage) amqpOutcome {
		switch m.n {
		case 1:
			return &amqpwire.Received{}
		case 2:
			return reject("amqp:resource-limit-exceeded")
		}
		return accept(m)
	}, func(t *testing.T, h *fakeHub) {
		r := &tool{dial: h.dial}
		code := r.run(t.Context(), "-d", "d", "--no-wait", "--retry-queue-full", "0", "--count", "3", "--message-id", "m{{.N}}", "-o", "json", "hello")
		r.wantCode(t, code, console.ExitRefused)
		lines := strings.Split(strings.TrimSpace(r.out.String()), "\n")
		for i, want := range []map[string]any{
			{"event": "doubtful", "n": 0., "deviceId": "d", "messageId": "m0", "error": "send to d: the hub answered without an outcome; the hub may have the message nevertheless"},
			{"event": "refused", "n": 1., "deviceId": "d", "messageId": "m1", "reason": "queueFull", "error": "send to d: the hub answered amqp:resource-limit-exceeded: The reason."},
			{"event": "sent"},
			{"event": "summary", "sent": 1., "doubtful": 1., "refused": map[string]any{"queueFull": 1.}},
		} {
			var got map[string]any
			if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
				t.Fatal(err)
			}
			for name, value := range want {
				if fmt.Sprint(got[name]) != fmt.Sprint(value) {
					t.Errorf("%s: %s = %v, want %v", lines[i], name, got[name], value)
				}
			}
		}
	})
}

// A status that this program does not know is no success, and told as it is.
func TestUnknownStatus(t *testing.T) {
	for name, test := range map[string]struct{ record, want string }{
		"no status":         {`{"originalMessageId":"mine","deviceId":"d"}`, "\nUnknown: mine after "},
		"another status":    {`{"originalMessageId":"mine","deviceId":"d","statusCode":"Vanished"}`, "\nUnknown (Vanished): mine after "},
		"another number":    {`{"originalMessageId":"mine","deviceId":"d","statusCode":9,"description":"gone"}`, "\nUnknown (gone): mine after "},
		"no kind of status": {`{"originalMessageId":"mine","deviceId":"d","statusCode":true,"description":""}`, "\nUnknown: mine after "},
	} {
		t.Run(name, func(t *testing.T) {
			withHub(t, func(h *fakeHub, m sentMessage) amqpOutcome {
				h.addRaw("[" + test.record + "]")
				return accept(m)
			}, func(t *testing.T, h *fakeHub) {
				r := &tool{dial: h.dial}
				code := r.run(t.Context(), "-d", "d", "--message-id", "mine", "hello")
				r.wantCode(t, code, console.ExitNegative)
				r.wantLines(t, test.want, "\n1 sent, 1 Unknown.\n")
			})
		})
	}
}
