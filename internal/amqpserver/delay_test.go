package amqpserver

import (
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestAttachIsDelayed wants a delayed attach, and what the client says after it, to
// be heard later, in order; what the server has to say comes meanwhile.
func TestAttachIsDelayed(t *testing.T) {
	delay := func(_ *Conn, address string) time.Duration {
		if address == "late" {
			return time.Minute
		}
		return 0
	}
	inWorld(t, Options{Delay: delay}, func(t *testing.T, w *world) {
		q := w.queue("q")
		c := w.listening(1)
		began := time.Now()
		c.Send(0, &amqpwire.Attach{Name: "out", Handle: 1, Role: amqpwire.RoleSender, Source: &amqpwire.Source{}, Target: &amqpwire.Target{Address: "late"}})
		c.Send(0, &amqpwire.Begin{IncomingWindow: 1, OutgoingWindow: 1})
		synctest.Wait()
		q.put("m1")
		wantMessages(c, 0, "m1")
		if took := time.Since(began); took > 0 {
			t.Errorf("a message of another link took %s", took)
		}
		if got := rawclient.Want[*amqpwire.Attach](c); got.Handle != 1 || time.Since(began) != time.Minute {
			t.Errorf("attach %d after %s, want 1 after a minute", got.Handle, time.Since(began))
		}
	})
}

// TestDelayedAttachEndsWithItsConnection wants nothing to be left of an attach whose
// client has gone.
func TestDelayedAttachEndsWithItsConnection(t *testing.T) {
	inWorld(t, Options{Delay: func(*Conn, string) time.Duration { return time.Hour }}, func(t *testing.T, w *world) {
		c := w.begun()
		c.Send(0, &amqpwire.Attach{Name: "out", Role: amqpwire.RoleSender, Source: &amqpwire.Source{}, Target: &amqpwire.Target{Address: "late"}})
		synctest.Wait()
		_ = c.Net.Close()
		w.wantEnded("hung up")
	})
}
