package iothub_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// TestDoubtStays wants a refusal after an attempt without an answer to leave
// open whether the hub has the message: here it has.
func TestDoubtStays(t *testing.T) {
	t.Parallel()
	for _, faults := range []string{
		"refuse-send=resource-limit",
		"refuse-send=throttled:first=2,refuse-send=resource-limit",
	} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, localhub.Options{})
				defer w.close()
				p := newProbe(w)
				s := w.service(t.Context(), iothub.Options{Dial: p.DialContext})
				defer w.closeService(s)
				p.arm(phaseSend, clientFault{after: func(c *faultnet.Conn) {
					c.BlackHole()   // the answer does not arrive
					synctest.Wait() // until the hub has the message
					c.Cut(faultnet.Reset)
					w.inject(faults)
				}})
				err := w.send(t.Context(), s, "dev1", 0)
				if !errors.Is(err, iothub.ErrIndeterminate) || !errors.Is(err, iothub.ErrQueueFull) {
					t.Errorf("Send = %v, want queue full, but indeterminate", err)
				}
				w.inject("")
				w.finish(t.Context(), nil)
				if r := w.verify(); r.recovered != 1 {
					t.Errorf("%d recovered, want 1", r.recovered)
				}
			})
		})
	}
}

// TestDoubtAfterEnd wants a message whose link, session or connection the hub
// ends to be in doubt, whatever reason it gives: it has the message.
func TestDoubtAfterEnd(t *testing.T) {
	t.Parallel()
	for _, faults := range []string{"detach:first=1", "end-session:first=1", "close:first=1", "close=none:first=1"} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			for _, gaveUp := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 2, localhub.Options{})
					defer w.close()
					s := w.service(t.Context(), iothub.Options{NoReconnect: gaveUp})
					w.inject("withhold-disposition")
					first := make(chan error, 1)
					go func() { first <- w.send(t.Context(), s, "dev1", 0) }()
					synctest.Wait()
					w.inject(faults) // at the next frame
					second := w.send(t.Context(), s, "dev1", 1)
					err := <-first
					switch {
					case gaveUp && !errors.Is(err, iothub.ErrIndeterminate):
						t.Errorf("Send = %v, want an indeterminate outcome", err)
					case !gaveUp && (err != nil || second != nil || s.Resent() != 2):
						t.Errorf("Send = %v and %v, resent %d, want 2 messages resent", err, second, s.Resent())
					}
					w.closeService(s)
					w.finish(t.Context(), nil)
					w.verify()
				})
			}
		})
	}
}

// TestAfterStop wants an error that no attempt can mend to be that operation's
// only: the next finds the client whole.
func TestAfterStop(t *testing.T) {
	t.Parallel()
	for _, faults := range []string{
		"detach=stolen:first=1", "detach=not-found:first=1", "end-session=not-found:first=1", "close=not-found:first=1",
		"refuse-send=not-found:first=1",
	} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2, localhub.Options{})
				defer w.close()
				s := w.service(t.Context(), iothub.Options{})
				defer w.closeService(s)
				w.inject(faults)
				if err := w.send(t.Context(), s, "dev1", 0); err == nil {
					t.Error("the first message was sent, want an error")
				}
				if err := w.send(t.Context(), s, "dev1", 1); err != nil {
					t.Errorf("the second message = %v, want it sent", err)
				}
				w.finish(t.Context(), nil)
				w.verify()
			})
		})
	}
}
