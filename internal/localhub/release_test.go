package localhub

import (
	"testing"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// TestReleaseIsOneStep checks that all messages are back before anybody can take
// one of them: else a younger one could go first.
func TestReleaseIsOneStep(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, c *raw){
		"detach":     func(_ *world, c *raw) { c.Send(0, &amqpwire.Detach{Closed: true}) },
		"end":        func(_ *world, c *raw) { c.Send(0, &amqpwire.End{}) },
		"takeover":   func(w *world, _ *raw) { w.device("dev1").Receiver(0, deviceAddress) },
		"expiration": func(_ *world, c *raw) { time.Sleep(2 * time.Minute); c.Send(0, nil); time.Sleep(3 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{LockTimeout: time.Hour}, func(t *testing.T, w *world) {
				w.enqueue(names(1, 20)...)
				c := w.begun()
				c.putToken(token("", testHost+"/devices/dev1", time.Second))
				c.Receiver(0, deviceAddress)
				c.Credit(0, 0, 20)
				c.wantMessages(1, names(1, 20)...)
				q := w.queueOf("dev1")
				first := make(chan int, 20)
				defer q.Subscribe(func() {
					n := 0
					for _, ok := q.Take(); ok; _, ok = q.Take() {
						n++
					}
					first <- n
				})()
				end(w, c)
				time.Sleep(2 * time.Second)
				if got := <-first; got != 20 {
					t.Errorf("%d messages were back when the first could be taken, want 20", got)
				}
			})
		})
	}
}
