package localhub

import (
	"fmt"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestSilentClientIsDropped checks that a client has 240 s for a sign of life,
// and is told why it is dropped.
func TestSilentClientIsDropped(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.opened()
		for range 3 {
			time.Sleep(240*time.Second - time.Nanosecond)
			c.Send(0, nil)
		}
		start := time.Now()
		body := want[*amqpwire.Close](c)
		rawclient.WantCondition(t, "close", body.Error, amqpserver.CondLimitExceeded)
		c.WantEnd()
		if got := time.Since(start); got != 240*time.Second {
			t.Errorf("dropped after %v, want 4m0s", got)
		}
	})
}

// TestHalfFrameIsNoSignOfLife checks a client that stops within a frame, after
// a byte from time to time.
func TestHalfFrameIsNoSignOfLife(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.opened()
		start := time.Now()
		for range 4 {
			c.Write([]byte{0})
			time.Sleep(time.Minute)
		}
		want[*amqpwire.Close](c)
		c.WantEnd()
		if got := time.Since(start); got != 240*time.Second {
			t.Errorf("dropped after %v, want 4m0s", got)
		}
	})
}

// TestHeartbeats checks that the hub keeps a quiet connection alive in time.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		timeout *uint32 // the client's, ms
		within  time.Duration
	}{
		{nil, 2 * time.Minute},
		{new(uint32(0)), 2 * time.Minute},
		{new(uint32(240_000)), 2 * time.Minute},
		{new(uint32(4_000_000_000)), 2 * time.Minute},
		{new(uint32(30_000)), 15 * time.Second},
		{new(uint32(1_000)), 500 * time.Millisecond},
		{new(uint32(1)), 10 * time.Millisecond}, // nobody can keep less
	} {
		t.Run(fmt.Sprint(test.within), func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.connect()
				c.Open(&amqpwire.Open{ContainerID: "raw", IdleTimeOut: test.timeout})
				for range 4 {
					start := time.Now()
					r := <-c.In
					if r.Frame.Body != nil || r.Header != (amqpwire.ProtocolHeader{}) {
						t.Fatalf("the hub sent %s, want a heartbeat", rawclient.Show(r))
					}
					if got := time.Since(start); got != test.within {
						t.Errorf("a heartbeat after %v, want %v", got, test.within)
					}
					c.Send(0, nil)
				}
			})
		})
	}
}
