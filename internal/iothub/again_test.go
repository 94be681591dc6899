package iothub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// TestUnauthorizedLater wants a hub that no longer lets us do what it did to be
// shown a new token, on a new connection.
func TestUnauthorizedLater(t *testing.T) {
	t.Parallel()
	for _, faults := range []string{"refuse-send=unauthorized:first=1", "detach=unauthorized:first=1", "close=unauthorized:first=1"} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, localhub.Options{})
				defer w.close()
				p := newProbe(w)
				s := w.service(t.Context(), iothub.Options{Dial: p.DialContext})
				time.Sleep(time.Minute)
				p.arm(noPhase, clientFault{})
				w.inject(faults)
				if err := w.send(t.Context(), s, "dev1", 0); err != nil {
					t.Error(err)
				}
				if dials := p.counted(phaseDial); dials != 1 {
					t.Errorf("%d dials, want 1", dials)
				}
				w.closeService(s)
				w.verify()
			})
		})
	}
}

// TestAttachAfterToken wants a link that is refused because the token has died
// to be attached when there is a new one.
func TestAttachAfterToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0, localhub.Options{})
		defer w.close()
		s := w.service(t.Context(), iothub.Options{SASTTL: tenMinutes})
		w.inject("refuse-auth=500")
		time.Sleep(16 * time.Minute)
		time.AfterFunc(time.Minute, func() { w.inject("") })
		if _, err := s.ReceiveFeedback(t.Context()); err != nil {
			t.Errorf("ReceiveFeedback = %v, want that it waits for a token", err)
		}
		w.closeService(s)
	})
}

// TestRefusalsAreLogged wants a message that is refused again and again not to
// be tried in silence, and the error to say why in the end.
func TestRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, localhub.Options{})
		defer w.close()
		p := newProbe(w)
		log := newLogbook()
		// A hub that is busy is no broken connection.
		s := w.service(t.Context(), iothub.Options{Dial: p.DialContext, Logger: slog.New(log), NoReconnect: true})
		p.arm(noPhase, clientFault{})
		w.inject("refuse-send=throttled")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := w.send(ctx, s, "dev1", 0)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "throttled") {
			t.Errorf("Send = %v, want the deadline, and the hub's reason", err)
		}
		if sends, logged := p.counted(phaseSend), log.counted("trying again"); sends < 360 || sends > 600 || logged != sends {
			t.Errorf("%d attempts in an hour, %d of them logged, want all, and one each 6 to 10 s", sends, logged)
		}
		w.closeService(s)
		w.verify()
	})
}

// TestDropHeedsContext wants an operation to end with its context even if
// another one is dialling into a black hole.
func TestDropHeedsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0, localhub.Options{})
		defer w.close()
		p := newProbe(w)
		s := w.service(t.Context(), iothub.Options{Dial: p.DialContext})
		w.inject("withhold-disposition")
		receiving, stop := context.WithCancel(t.Context())
		var receivers sync.WaitGroup
		for range 10 {
			f, err := s.ReceiveFeedback(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			receivers.Go(func() {
				if _, err := f.Receive(receiving); !errors.Is(err, context.Canceled) {
					t.Errorf("Receive = %v, want canceled", err)
				}
			})
		}
		const limit = 2 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		time.AfterFunc(time.Second, func() {
			p.arm(phaseDial, clientFault{dial: hangDial})
			p.cut()
		})
		began := time.Now()
		err := s.Send(ctx, "dev1", &iothub.Message{})
		if took := time.Since(began); took != limit || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Send = %v after %s, want the deadline after %s", err, took, limit)
		}
		stop()
		receivers.Wait()
		_ = s.Close(t.Context()) // it may be broken
	})
}

// TestOneAttemptForAll wants a hub that will not have us to be asked once,
// however many messages wait to be sent.
func TestOneAttemptForAll(t *testing.T) {
	t.Parallel()
	const senders = 50
	for _, faults := range []string{"refuse-auth", "refuse-attach=unauthorized"} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, senders, localhub.Options{MaxQueue: senders})
				defer w.close()
				p := newProbe(w)
				s := w.service(t.Context(), iothub.Options{Dial: p.DialContext})
				w.inject(faults)
				p.arm(phaseDial, clientFault{dial: slowDial}) // until all are there
				p.cut()
				var sending sync.WaitGroup
				for n := range senders {
					sending.Go(func() {
						if err := w.send(t.Context(), s, "dev1", n); !errors.Is(err, iothub.ErrUnauthorized) {
							t.Errorf("Send = %v, want unauthorized", err)
						}
					})
				}
				sending.Wait()
				got := fmt.Sprint(p.counted(phaseDial), p.counted(phasePutToken), p.counted(phaseAttach))
				if got != "1 1 0" && got != "1 1 1" {
					t.Errorf("dials, tokens and links: %s, want one of each", got)
				}
				w.closeService(s)
				w.verify()
			})
		})
	}
}

// TestSessionsEnd wants the session of a link that the hub has refused, or
// detached already when it is yielded, to be ended too.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0, localhub.Options{})
		defer w.close()
		var trace lockedBuffer
		s := w.service(t.Context(), iothub.Options{Trace: &trace})
		for range 5 {
			// It detaches when the link grants credit.
			w.inject("refuse-attach=throttled:first=1,detach:first=1")
			f, err := s.ReceiveFeedback(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if err := f.Yield(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if begun, ended := trace.sent(" begin("), trace.sent(" end("); begun-ended != 2 {
			t.Errorf("%d sessions begun, %d ended, want all but 2", begun, ended)
		}
		w.closeService(s)
	})
}

// sent returns how many of the frames sent have that in them.
func (l *lockedBuffer) sent(what string) (n int) {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, "-> ") && strings.Contains(line, what) {
			n++
		}
	}
	return n
}

// TestLostInHand wants messages that were in hand when the connection broke not
// to be given out: they cannot be settled, and come again.
func TestLostInHand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const messages = 5
		w := newWorld(t, messages, localhub.Options{})
		defer w.close()
		s := w.service(t.Context(), iothub.Options{})
		for n := range messages {
			if err := w.send(t.Context(), s, "dev1", n); err != nil {
				t.Fatal(err)
			}
		}
		p := newProbe(w)
		d := w.device(t.Context(), "dev1", iothub.Options{Dial: p.DialContext, Prefetch: 1 << 31})
		synctest.Wait() // until it has them
		p.cut()
		synctest.Wait()
		for range messages {
			m, err := d.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.ledger.received(m)
			if err := m.Complete(t.Context()); err != nil {
				t.Errorf("message %s: %v", m.ID, err)
			}
			w.ledger.completed(m.ID)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
		w.closeService(s)
		w.finish(t.Context(), nil)
		w.verify()
	})
}
