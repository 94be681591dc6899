package amqpserver

import (
	"strings"
	"testing"

	"iothub-c2d/internal/amqpwire"
)

// TestLostLinks checks which ends of a link its source hears of as a loss.
func TestLostLinks(t *testing.T) {
	t.Parallel()
	fault := &amqpwire.Error{Condition: "app:crash", Description: "it hurts"}
	for _, test := range []struct {
		name string
		end  func(w *world, c *client)
		want string // part of the reason; empty: no loss
	}{
		{"detach", func(_ *world, c *client) { c.Send(0, &amqpwire.Detach{Closed: true}) }, ""},
		{"detach with an error", func(_ *world, c *client) { c.Send(0, &amqpwire.Detach{Closed: true, Error: fault}) }, "it hurts"},
		{"end", func(_ *world, c *client) { c.Send(0, &amqpwire.End{}) }, ""},
		{"end with an error", func(_ *world, c *client) { c.Send(0, &amqpwire.End{Error: fault}) }, "app:crash"},
		{"close", func(_ *world, c *client) { c.Send(0, &amqpwire.Close{}) }, ""},
		{"close with an error", func(_ *world, c *client) { c.Send(0, &amqpwire.Close{Error: fault}) }, "it hurts"},
		{"hang-up", func(_ *world, c *client) { _ = c.Net.Close() }, "hung up"},
		{"rubbish", func(_ *world, c *client) { c.Write([]byte{0, 0, 0, 8, 9, 9, 9, 9}) }, "malformed"},
		{"hang-up in silence of the server's", func(w *world, c *client) {
			w.conns[0].Mute()
			_ = c.Net.Close()
		}, ""},
		{"by the server", func(w *world, _ *client) {
			q := w.queue("q")
			q.mu.Lock()
			defer q.mu.Unlock()
			for l := range q.links {
				l.Interrupt(Errorf(CondStolen, "Another has come."))
			}
		}, ""},
		{"end of the server", func(w *world, _ *client) { w.stop() }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.queue("q").put("m")
				c := w.listening(1)
				c.WantTransfer()
				test.end(w, c)
				w.ended()
				losses := strings.Join(w.queue("q").losses, ", ")
				if (losses == "") != (test.want == "") || !strings.Contains(losses, test.want) {
					t.Errorf("lost by %q, want %q", losses, test.want)
				}
			})
		})
	}
}
