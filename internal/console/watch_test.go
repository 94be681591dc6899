package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// notes is a standard error whose lines have the time before them at which they
// came, since the first line could come.
type notes struct {
	mu    sync.Mutex
	began time.Time
	lines []string
}

func (n *notes) Write(line []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf("%s %s", time.Since(n.began), bytes.TrimSpace(line)))
	return len(line), nil
}

// wantNotes checks the lines since the last check.
func (n *notes) wantNotes(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if got, want := strings.Join(n.lines, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("notes:\n%s\nwant:\n%s", got, want)
	}
	n.lines = nil
}

// watching runs a test with a console.
func watching(t *testing.T, test func(t *testing.T, c *Console, n *notes)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{began: time.Now()}
		test(t, &Console{Err: n}, n)
	})
}

func constant(what, last string) func() Waiting {
	return func() Waiting { return Waiting{For: what, Last: last} }
}

func TestSilenceIsTold(t *testing.T) {
	watching(t, func(t *testing.T, c *Console, n *notes) {
		p := c.Phase(constant("an answer", ""))
		time.Sleep(noteAfter - time.Millisecond)
		n.wantNotes(t)
		time.Sleep(3*time.Minute - noteAfter + time.Second)
		n.wantNotes(t, "3s Waiting for an answer.", "30s Waiting for an answer.", "1m30s Waiting for an answer.", "2m30s Waiting for an answer.")
		p.End()
		time.Sleep(time.Hour)
		n.wantNotes(t)
	})
}

// TestExpectedSilenceIsNotTold wants no note about what has been told, but for the
// error of the time-out.
func TestExpectedSilenceIsNotTold(t *testing.T) {
	watching(t, func(t *testing.T, c *Console, n *notes) {
		p := c.Phase(func() Waiting { return Waiting{For: "a turn", Expected: true} })
		time.Sleep(time.Hour)
		n.wantNotes(t)
		if got, want := c.watch.timeUp().Error(), "waiting for a turn"; !strings.HasSuffix(got, want) {
			t.Errorf("time-out: %q, want %q", got, want)
		}
		p.End()
	})
}

func TestProgressIsNotSilence(t *testing.T) {
	watching(t, func(t *testing.T, c *Console, n *notes) {
		p := c.Phase(constant("records", ""))
		defer p.End()
		for range 10 {
			time.Sleep(noteAfter - time.Millisecond)
			p.Progress()
		}
		n.wantNotes(t)
		time.Sleep(noteAfter + lookInterval)
		synctest.Wait()
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.lines) != 1 {
			t.Errorf("got %q, want one note", n.lines)
		}
	})
}

func TestOtherReasonIsTold(t *testing.T) {
	watching(t, func(t *testing.T, c *Console, n *notes) {
		reason := "refused"
		var mu sync.Mutex
		p := c.Phase(func() Waiting {
			mu.Lock()
			defer mu.Unlock()
			return Waiting{For: "a connection", Last: reason}
		})
		defer p.End()
		time.Sleep(4 * time.Second)
		mu.Lock()
		reason = "reset by\nthe peer"
		mu.Unlock()
		time.Sleep(4 * time.Second)
		n.wantNotes(t, "3s Waiting for a connection; last: refused.", "6s Waiting for a connection; last: reset by the peer.")
	})
}

// A phase that follows another with the same trouble does not repeat it at once.
func TestNotesOfManyPhasesAreBounded(t *testing.T) {
	watching(t, func(t *testing.T, c *Console, n *notes) {
		for i := range 25 {
			p := c.Phase(constant(fmt.Sprint("message ", i), "released"))
			time.Sleep(4 * time.Second)
			p.End()
		}
		n.wantNotes(t, "3s Waiting for message 0; last: released.", "31s Waiting for message 7; last: released.", "1m31s Waiting for message 22; last: released.")
	})
}

func TestLongestSilenceIsTold(t *testing.T) {
	watching(t, func(t *testing.T, c *Console, n *notes) {
		first := c.Phase(constant("one", ""))
		time.Sleep(time.Second)
		second := c.Phase(constant("two", ""))
		defer second.End()
		time.Sleep(time.Second)
		first.Progress()
		time.Sleep(time.Second)
		n.wantNotes(t)
		time.Sleep(time.Second)
		n.wantNotes(t, "4s Waiting for two.")
		first.End()
	})
}

func TestQuietIsSilent(t *testing.T) {
	watching(t, func(t *testing.T, c *Console, n *notes) {
		c.Quiet = true
		defer c.Phase(constant("an answer", "")).End()
		time.Sleep(time.Hour)
		n.wantNotes(t)
	})
}

func TestTimeoutNamesWhatWasWaitedFor(t *testing.T) {
	for name, test := range map[string]struct {
		phases []Waiting // in the order in which they begin
		want   string
	}{
		"nothing":   {nil, "time is up"},
		"a phase":   {[]Waiting{{For: "the hub's answer to message 3", Last: "amqp:internal-error"}}, "time is up: waiting for the hub's answer to message 3; last: amqp:internal-error"},
		"no reason": {[]Waiting{{For: "feedback"}}, "time is up: waiting for feedback"},
		"two":       {[]Waiting{{For: "one"}, {For: "two"}}, "time is up: waiting for one"},
	} {
		t.Run(name, func(t *testing.T) {
			watching(t, func(t *testing.T, c *Console, _ *notes) {
				c.Timeout = Duration(2 * time.Second)
				ctx, cancel := c.withTimeout(t.Context())
				defer cancel()
				for _, w := range test.phases {
					defer c.Phase(constant(w.For, w.Last)).End()
					time.Sleep(time.Second / 2)
				}
				<-ctx.Done()
				err := context.Cause(ctx)
				if err.Error() != test.want || codeOf(err) != ExitTimeout || !errors.Is(err, ErrTimeout) {
					t.Errorf("got %v, want %s", err, test.want)
				}
			})
		})
	}
}

// TestWaitingText wants the words of a hub to fit into a sentence.
func TestWaitingText(t *testing.T) {
	t.Parallel()
	for last, want := range map[string]string{
		"":                     "credit",
		"not yet":              "credit; last: not yet",
		"busy: The hub fails.": "credit; last: busy: The hub fails",
	} {
		if got := (Waiting{For: "credit", Last: last}).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
