package console

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinger(t *testing.T) {
	t.Parallel()
	const work, grace = time.Hour, time.Second
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		longer, cancel := Linger(ctx, grace)
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

func TestLingerCancel(t *testing.T) {
	t.Parallel()
	longer, cancel := Linger(t.Context(), time.Hour)
	cancel()
	if longer.Err() == nil {
		t.Error("cancel does not end it")
	}
}
