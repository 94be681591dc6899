package mqttfront

import (
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/localhub/throttle"
	"iothub-c2d/internal/mqttwire"
)

// TestConnectionsAreLimited wants the CONNECT that is one too many to wait for its
// turn, and one for which there is no turn to be told that the server is unavailable.
func TestConnectionsAreLimited(t *testing.T) {
	inWorld(t, settings{connections: throttle.NewBucket(1, "new device connections", time.Second)}, func(t *testing.T, w *world) {
		began := time.Now()
		w.device(false)
		var waiting []*rawclient.Client
		for range 10 {
			c := w.connect()
			c.Send(hello("dev2"))
			waiting = append(waiting, c)
			synctest.Wait()
		}
		c := w.connect()
		c.Send(hello("a.b:c"))
		if got := rawclient.Want[*mqttwire.ConnAck](c); got.Code != mqttwire.Unavailable {
			t.Errorf("code %d, want 3", got.Code)
		}
		c.WantEnd()
		w.wantEnded("throttled: the hub's limit is 1 new device connections per second")
		for n, c := range waiting {
			got := rawclient.Want[*mqttwire.ConnAck](c)
			if took, want := time.Since(began), time.Duration(n+1)*time.Second; got.Code != mqttwire.Accepted || took.Round(time.Second) != want {
				t.Errorf("number %d: code %d after %s, want 0 after %s", n, got.Code, took, want)
			}
		}
	})
}
