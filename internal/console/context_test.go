package console

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
)

func TestWithGrace(t *testing.T) {
	t.Parallel()
	const work, grace = time.Hour, time.Second
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		longer, cancel := WithGrace(ctx, grace)
		defer cancel()
		time.Sleep(work)
		leave()
		time.Sleep(grace - time.Nanosecond)
		synctest.Wait()
		if longer.Err() != nil {
			t.Error("it has ended before its time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if longer.Err() == nil {
			t.Error("it has not ended in time")
		}
	})
}

func TestWithGraceCancel(t *testing.T) {
	t.Parallel()
	longer, cancel := WithGrace(t.Context(), time.Hour)
	cancel()
	if longer.Err() == nil {
		t.Error("cancel does not end it")
	}
}

func TestCause(t *testing.T) {
	t.Parallel()
	reason, other := errors.New("the reason"), errors.New("other")
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(reason)
	late, cancelLate := context.WithDeadlineCause(context.Background(), time.Now().Add(-time.Second), reason)
	defer cancelLate()
	usage := Usagef("x")
	for _, test := range []struct {
		name      string
		ctx       context.Context
		err, want error
	}{
		{"no error", ended, nil, nil},
		{"context goes on", context.Background(), other, other},
		{"context has ended", ended, fmt.Errorf("x: %w", context.Canceled), reason},
		{"a socket was first", late, os.ErrDeadlineExceeded, reason},
		{"an error with a code", ended, usage, usage},
	} {
		if got := Cause(test.ctx, test.err); got != test.want { // the very error
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	if got := Cause(ended, refused("amqp:not-found")); !errors.Is(got, iothub.ErrNotFound) {
		t.Errorf("got %v, want the hub's refusal", got)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	const long = time.Hour
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := Pause(t.Context(), long); err != nil || time.Since(began) != long {
			t.Errorf("got %v after %s, want %s", err, time.Since(began), long)
		}
		reason := errors.New("the reason")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(reason) })
		began = time.Now()
		if err := Pause(ctx, long); err != reason || time.Since(began) != time.Second {
			t.Errorf("got %v after %s, want %v after 1s", err, time.Since(began), reason)
		}
		if err := Pause(ctx, 0); err != nil {
			t.Errorf("no pause: got %v", err)
		}
	})
}
