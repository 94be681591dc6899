package iothub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// TestWaiting wants to be told, of a message that is not sent, what it waits for
// and why, meanwhile and in the end.
func TestWaiting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		trouble func(w *world, p *probe)
		want    string
		reason  string // empty for none
	}{
		{"dialling hangs", func(_ *world, p *probe) {
			p.arm(phaseDial, clientFault{dial: hangDial})
			p.cut()
		}, "the connection", "reset"},
		{"nobody listens", func(_ *world, p *probe) {
			p.refuse(true)
			p.cut()
		}, "the connection", "refused"},
		{"no answer to the token", func(w *world, p *probe) {
			w.inject("refuse-auth=none")
			p.cut()
		}, "the hub to accept the token", "reset"},
		{"no link", func(w *world, p *probe) {
			w.inject("refuse-attach=throttled")
			p.cut()
		}, "the link", "throttled"},
		{"no credit", func(w *world, p *probe) {
			w.inject("withhold-credit")
			p.cut()
		}, "credit", "reset"},
		{"no answer", func(w *world, _ *probe) { w.inject("withhold-disposition") }, "the hub's answer", ""},
		{"busy", func(w *world, _ *probe) { w.inject("refuse-send=throttled") }, iothub.ForTurn, "throttled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, localhub.Options{})
				defer w.close()
				p := newProbe(w)
				progress := new(iothub.Progress)
				s := w.service(t.Context(), iothub.Options{Dial: p.DialContext, Progress: progress})
				if got, ok := progress.Waiting(); ok {
					t.Errorf("waiting for %s, want nothing", got.For)
				}
				tt.trouble(w, p)
				const limit = 25 * time.Second
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				began := time.Now()
				sent := make(chan error, 1)
				go func() { sent <- s.Send(ctx, "dev1", &iothub.Message{}) }()
				time.Sleep(limit / 2)
				got, ok := progress.Waiting()
				if !ok || got.For != tt.want || !got.Since.Equal(began) || !says(got.Reason, tt.reason) {
					t.Errorf("waiting for %q since %s because of %v, want %q since %s, %q", got.For, got.Since, got.Reason, tt.want, began, tt.reason)
				}
				err := <-sent
				var ended *iothub.WaitError
				if !errors.As(err, &ended) || ended.For != tt.want || !says(ended.Reason, tt.reason) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Send = %v, want that it was waiting for %q in vain, %q", err, tt.want, tt.reason)
				}
				if err != nil && !strings.Contains(err.Error(), "waiting for "+tt.want+": ") {
					t.Errorf("error = %v, want %q in it", err, tt.want)
				}
				if got, ok := progress.Waiting(); ok {
					t.Errorf("waiting for %s in the end, want nothing", got.For)
				}
				w.closeService(s)
			})
		})
	}
}

// says reports whether err has text in it, or is nil if there is none.
func says(err error, text string) bool {
	if text == "" || err == nil {
		return text == "" && err == nil
	}
	return strings.Contains(err.Error(), text)
}

// TestWaitingWhileConnecting wants to be told what the first connection waits for.
func TestWaitingWhileConnecting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0, localhub.Options{})
		defer w.close()
		w.inject("refuse-auth=none")
		progress := new(iothub.Progress)
		connected := make(chan error, 1)
		go func() {
			_, err := iothub.DialDevice(t.Context(), deviceString(t, inMemory, "dev1"), &iothub.Options{Dial: w.dial, Progress: progress})
			connected <- err
		}()
		time.Sleep(5 * time.Second)
		if got, _ := progress.Waiting(); got.For != "the hub to accept the token" || got.Reason != nil {
			t.Errorf("waiting for %q because of %v, want the token", got.For, got.Reason)
		}
		if err := <-connected; err == nil {
			t.Error("connected without a token")
		}
		if got, ok := progress.Waiting(); ok {
			t.Errorf("waiting for %s in the end, want nothing", got.For)
		}
	})
}

// TestReleasedForEver wants a message that the hub gives back each time to be sent
// until its time is over, and not in silence.
func TestReleasedForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sends := 0
		hub := &fakeHub{t: t, transfer: func(c *fakeHubConn, channel uint16, id uint32) {
			sends++
			c.outcome(channel, id, &amqpwire.Released{})
		}}
		defer hub.served.Wait()
		progress := new(iothub.Progress)
		s := hub.service(iothub.Options{Progress: progress})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		sent := make(chan error, 1)
		go func() { sent <- s.Send(ctx, "dev1", &iothub.Message{}) }()
		time.Sleep(30 * time.Second)
		if got, _ := progress.Waiting(); got.For != "the next attempt" || !says(got.Reason, "gave the message back") {
			t.Errorf("waiting for %q because of %v, want the next attempt, because it was given back", got.For, got.Reason)
		}
		err := <-sent
		if !says(err, "waiting for the next attempt: context deadline exceeded: the hub gave the message back") || errors.Is(err, iothub.ErrIndeterminate) {
			t.Errorf("Send = %v, want why it was in vain, and no doubt", err)
		}
		if sends < 8 || sends > 14 {
			t.Errorf("sent %d times in 50 s, want 8 to 14", sends)
		}
		_ = s.Close(t.Context())
	})
}

// TestWaitingForMessages wants a device that has nothing to do to wait for nothing,
// and one that is cut off to wait for the connection since then.
func TestWaitingForMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0, localhub.Options{})
		defer w.close()
		p := newProbe(w)
		progress := new(iothub.Progress)
		d := w.device(t.Context(), "dev1", iothub.Options{Dial: p.DialContext, Progress: progress})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		received := make(chan error, 1)
		go func() {
			_, err := d.Receive(ctx)
			received <- err
		}()
		time.Sleep(10 * time.Minute)
		if got, ok := progress.Waiting(); ok {
			t.Errorf("waiting for %s, want nothing", got.For)
		}
		p.refuse(true)
		p.cut()
		cutOff := time.Now()
		time.Sleep(time.Minute)
		if got, _ := progress.Waiting(); got.For != "the connection" || !got.Since.Equal(cutOff) || !says(got.Reason, "refused") {
			t.Errorf("waiting for %q since %s because of %v, want the connection since %s", got.For, got.Since, got.Reason, cutOff)
		}
		p.refuse(false)
		time.Sleep(time.Minute)
		if got, ok := progress.Waiting(); ok {
			t.Errorf("waiting for %s, want nothing", got.For)
		}
		var ended *iothub.WaitError
		if err := <-received; !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ended) {
			t.Errorf("Receive = %v, want no more than that its time is up", err)
		}
		_ = d.Close(t.Context())
	})
}
