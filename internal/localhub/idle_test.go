package localhub

import (
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
