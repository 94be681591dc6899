package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// kindsOfHub runs a test with a hub that gives a link all feedback that it has
// credit for, and with one that gives it the next when the last one is settled.
func kindsOfHub(t *testing.T, test func(t *testing.T, h *fakeHub)) {
	t.Helper()
	for _, oneAtATime := range []bool{false, true} {
		t.Run(fmt.Sprintf("one at a time %v", oneAtATime), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newFakeHub(t)
				h.oneAtATime = oneAtATime
				test(t, h)
			})
		})
	}
}

// addForeign puts n feedback messages of others on the queue.
func (h *fakeHub) addForeign(n int) {
	for i := range n {
		h.addFeedback(fmt.Sprint("foreign", i), fmt.Sprint("another", i))
	}
}

// wantGivenBack checks that so many feedback messages are there, in nobody's
// hands, and that none was given back in a way that uses up its deliveries.
func (h *fakeHub) wantGivenBack(t *testing.T, n int) {
	t.Helper()
	synctest.Wait()
	if held, all := h.held(); held != 0 || all != n || h.abandoned != 0 || h.mostHeld > iothub.MaxFeedback+1 {
		t.Errorf("%d of %d feedback messages held, %d at one time, %d abandoned; want none of %d, at most %d, none", held, all, h.mostHeld, h.abandoned, n, iothub.MaxFeedback+1)
	}
}

func TestOwnFeedbackIsFoundBehindOthers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 99, iothub.MaxFeedback} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			kindsOfHub(t, func(t *testing.T, h *fakeHub) {
				h.addForeign(n)
				r := &tool{dial: h.dial}
				code := r.run(t.Context(), "-d", "d", "--message-id", "mine", "hello")
				r.wantCode(t, code, 0)
				r.wantLines(t, "Sent mine to d", "Success: mine after ")
				h.wantGivenBack(t, n)
			})
		})
	}
}

// A hub that takes no second link to the feedback shows what is behind a message of
// others when that is gone.
func TestHubWithOneFeedbackLink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHub(t)
		h.oneAtATime, h.oneLink = true, true
		h.addForeign(1)
		time.AfterFunc(11*time.Second, func() { h.dropOldest(1) })
		r := &tool{dial: h.dial}
		code := r.run(t.Context(), "-d", "d", "--message-id", "mine", "hello")
		r.wantCode(t, code, 0)
		r.wantLines(t, "Success: mine after 1")
	})
}

// So much feedback of others, which nobody reads, is told of at once.
func TestFeedbackBeyondSight(t *testing.T) {
	t.Parallel()
	const unread, soon = 1010, 3 * time.Second
	told := "The first 101 feedback messages of the hub have records of others, and no more are looked at"
	kindsOfHub(t, func(t *testing.T, h *fakeHub) {
		h.addForeign(unread)
		r := &tool{dial: h.dial}
		ended := make(chan console.ExitCode, 1)
		go func() { ended <- r.run(t.Context(), "-d", "d", "--feedback-timeout", "10s", "hello") }()
		time.Sleep(soon)
		if !strings.Contains(r.err.String(), told) {
			t.Errorf("after %s: %q, want %q", soon, r.err.String(), told)
		}
		r.wantCode(t, <-ended, console.ExitTimeout)
		r.wantLines(t, "no feedback for 1 of 1 messages within 10s", "hint: more than 100 feedback messages of the hub have records of others", "`send-c2d feedback` takes them off")
		if n := strings.Count(r.err.String(), told); n != 1 {
			t.Errorf("told %d times, want once", n)
		}
		h.wantGivenBack(t, unread+1)
	})
}

// A hub that keeps what it is not told of locked for a minute, as it may, is not
// made to hide more and more from others.
func TestHubThatKeepsLocks(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"survey": "mine", "no survey": "{{.UUID}}"} {
		t.Run(name, func(t *testing.T) {
			kindsOfHub(t, func(t *testing.T, h *fakeHub) {
				h.keepsLocks = true
				h.addForeign(1010)
				r := &tool{dial: h.dial}
				code := r.run(t.Context(), "-d", "d", "--message-id", id, "--feedback-timeout", "59s", "hello")
				r.wantCode(t, code, console.ExitTimeout)
				if h.mostHeld > iothub.MaxFeedback+1 {
					t.Errorf("%d messages hidden, want %d at most", h.mostHeld, iothub.MaxFeedback+1)
				}
			})
		})
	}
}

// When others have read theirs, the sender finds its own.
func TestFeedbackComesIntoSight(t *testing.T) {
	t.Parallel()
	kindsOfHub(t, func(t *testing.T, h *fakeHub) {
		const unread, left = 1010, 7
		h.addForeign(unread)
		time.AfterFunc(10*time.Second, func() { h.dropOldest(unread - left) })
		r := &tool{dial: h.dial}
		code := r.run(t.Context(), "-d", "d", "--message-id", "mine", "hello")
		r.wantCode(t, code, 0)
		r.wantLines(t, "Success: mine after 1m")
		h.wantGivenBack(t, left)
	})
}

// A run that is told to end gives back what it holds, whatever it does then. A hub
// that is left without a word keeps the messages locked.
func TestInterruptedRunGivesBack(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"survey": 10 * time.Millisecond, "survey, further": 30 * time.Millisecond, "later": 200 * time.Millisecond, "much later": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			kindsOfHub(t, func(t *testing.T, h *fakeHub) {
				const unread = 20
				h.addForeign(unread)
				h.answer = accept
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(after, func() { cancel(console.Fail(errors.New("interrupted"), 130, "")) })
				r := &tool{dial: h.dial}
				code := r.run(ctx, "-d", "d", "--message-id", "mine", "hello")
				r.wantCode(t, code, 130)
				h.wantGivenBack(t, unread)
			})
		})
	}
}

// A batch with a record of ours and one of another's is for both: it is told of,
// and given back whole, however often it is seen.
func TestMixedBatchIsGivenBack(t *testing.T) {
	t.Parallel()
	kindsOfHub(t, func(t *testing.T, h *fakeHub) {
		h.answer = func(m sentMessage) amqpOutcome {
			if m.n == 1 {
				h.addFeedback("foreign", m.id)
			}
			return accept(m)
		}
		time.AfterFunc(10*time.Second, func() { h.addFeedback("m1") })
		r := &tool{dial: h.dial}
		code := r.run(t.Context(), "-d", "d", "--count", "2", "--message-id", "m{{.N}}", "hello")
		r.wantCode(t, code, 0)
		if n := strings.Count(r.out.String(), "Success: "); n != 2 {
			t.Errorf("%d records told, want 2:\n%s", n, r.out.String())
		}
		h.wantGivenBack(t, 1)
	})
}

// A hub that does not take a message off its queue when it should does not end the
// run, and its record counts once.
func TestFeedbackThatIsNotTakenOff(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]amqpOutcome{
		"released": &amqpwire.Released{}, "lock lost": reject("com.microsoft:message-lock-lost"), "internal error": reject("amqp:internal-error"),
	} {
		t.Run(name, func(t *testing.T) {
			kindsOfHub(t, func(t *testing.T, h *fakeHub) {
				h.unsettled = slices.Repeat([]amqpOutcome{answer}, 3)
				r := &tool{dial: h.dial}
				code := r.run(t.Context(), "-d", "d", "--count", "2", "--interval", "1m", "--message-id", "m{{.N}}", "hello")
				r.wantCode(t, code, 0)
				for _, record := range []string{"Success: m0 ", "Success: m1 "} {
					if n := strings.Count(r.out.String(), record); n != 1 {
						t.Errorf("%d times %q, want once:\n%s", n, record, r.out.String())
					}
				}
			})
		})
	}
}

// Senders of one hub get in each other's way, and each finds its own in the end.
func TestSendersShareTheQueue(t *testing.T) {
	t.Parallel()
	kindsOfHub(t, func(t *testing.T, h *fakeHub) {
		const senders = 10
		h.addForeign(5)
		var running sync.WaitGroup
		for i := range senders {
			running.Go(func() {
				r := &tool{dial: h.dial}
				code := r.run(t.Context(), "-d", "d", "--count", "3", "--message-id", fmt.Sprintf("s%d-{{.N}}", i), "hello")
				r.wantCode(t, code, 0)
				r.wantLines(t, "3 sent, 3 Success")
			})
		}
		running.Wait()
		h.wantGivenBack(t, 5)
	})
}

// A sender that waits for its next message has no use for feedback, and does not
// take that of others out of their sight again and again.
func TestIdleSenderLeavesFeedbackAlone(t *testing.T) {
	t.Parallel()
	kindsOfHub(t, func(t *testing.T, h *fakeHub) {
		in, lines := io.Pipe()
		r := &tool{dial: h.dial, in: in}
		ended := make(chan console.ExitCode, 1)
		go func() { ended <- r.run(t.Context(), "-d", "d", "--lines") }()
		_, _ = io.WriteString(lines, "one\n")
		time.Sleep(time.Second)
		h.addForeign(1)
		time.Sleep(time.Minute)
		attached := h.attachments()
		time.Sleep(time.Hour)
		if again := h.attachments(); again != attached {
			t.Errorf("attached %d times in an hour, want none", again-attached)
		}
		h.wantGivenBack(t, 1)
		_, _ = io.WriteString(lines, "two\n")
		_ = lines.Close()
		r.wantCode(t, <-ended, 0)
		r.wantLines(t, "2 sent, 2 Success")
	})
}
