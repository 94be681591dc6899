package iothub_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// TestCloseEndsWaiting wants Close to end a Receive at once, whatever that
// waits for, and nobody to be told of a lost connection because of it.
func TestCloseEndsWaiting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		trouble func(*world, *probe)
		lost    int
	}{
		{"for a message", func(*world, *probe) {}, 0},
		{"for a dial", func(_ *world, p *probe) {
			p.arm(phaseDial, clientFault{dial: hangDial})
			p.cut()
		}, 1},
		{"for a token", func(w *world, p *probe) {
			w.inject("refuse-auth=none")
			p.cut()
		}, 1},
		{"for the next attempt", func(_ *world, p *probe) {
			p.refuse(true)
			p.cut()
			time.Sleep(time.Hour)
		}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 0, localhub.Options{})
				defer w.close()
				p := newProbe(w)
				lost := 0
				d := w.device(t.Context(), "dev1", iothub.Options{Dial: p.DialContext, Lost: func(error) { lost++ }})
				received := make(chan error, 1)
				go func() {
					_, err := d.Receive(t.Context())
					received <- err
				}()
				synctest.Wait()
				tt.trouble(w, p)
				synctest.Wait()
				began := time.Now()
				if err := d.Close(t.Context()); err != nil {
					t.Errorf("Close = %v", err)
				}
				if err := <-received; err == nil || !strings.Contains(err.Error(), "closed") {
					t.Errorf("Receive = %v, want that the client is closed", err)
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("it took %s, want no time", took)
				}
				if lost != tt.lost {
					t.Errorf("told of %d lost connections, want %d", lost, tt.lost)
				}
				if _, err := d.Receive(context.Background()); err == nil {
					t.Error("Receive after Close succeeded")
				}
			})
		})
	}
}
