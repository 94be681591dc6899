package iothub_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// TestBlackHoleNoticed wants a network that swallows everything to be noticed
// when nothing has been heard for the idle time-out, and the message that was
// sent meanwhile to arrive at once then.
func TestBlackHoleNoticed(t *testing.T) {
	t.Parallel()
	const (
		idleTimeOut = time.Minute      // go-amqp's
		heartbeat   = 15 * time.Second // the hub's, for that
		hole        = 100 * time.Second
		lastHeard   = 90 * time.Second
	)
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, 1, localhub.Options{})
		defer w.close()
		p := newProbe(w)
		began := time.Now()
		var lost, restored time.Duration
		d := w.device(ctx, "dev1", iothub.Options{
			Dial:     p.DialContext,
			Lost:     func(error) { lost = time.Since(began) },
			Restored: func(time.Duration) { restored = time.Since(began) },
		})
		defer d.Close(ctx)
		s := w.service(ctx, iothub.Options{})
		defer w.closeService(s)
		time.AfterFunc(hole, func() {
			p.current.BlackHole()
			if err := w.send(ctx, s, "dev1", 0); err != nil {
				t.Error(err)
			}
		})
		if _, err := w.receive(ctx, d); err != nil {
			t.Fatal(err)
		}
		if want := lastHeard + idleTimeOut; lost != want || restored != want || lastHeard%heartbeat != 0 {
			t.Errorf("lost after %s, restored after %s, want both after %s", lost, restored, want)
		}
		// The message had gone down the hole, locked.
		if got, want := time.Since(began), hole+time.Minute; got != want {
			t.Errorf("received after %s, want %s", got, want)
		}
		w.finish(ctx, nil)
		w.verify()
	})
}

// tokenWorld counts what tokens lead to.
type tokenWorld struct {
	*world
	mu       sync.Mutex
	tokens   map[string]int // by status
	attaches int
}

func newTokenWorld(t *testing.T, messages int) *tokenWorld {
	w := &tokenWorld{tokens: make(map[string]int)}
	w.world = newWorld(t, messages, localhub.Options{Observer: func(e broker.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case e.Kind == broker.EventToken:
			w.tokens[e.Detail]++
		case e.Kind == broker.EventAttached && e.Detail != "$cbs":
			w.attaches++
		}
	}})
	return w
}

func (w *tokenWorld) counts() (accepted, refused, attaches int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tokens["200"], w.tokens["401"], w.attaches
}

const tenMinutes = 10 * time.Minute

// TestThirtyDays lets two clients live for 30 days with tokens of ten minutes,
// and sends a message at each renewal.
func TestThirtyDays(t *testing.T) {
	t.Parallel()
	days := 30
	if raceDetector {
		days = 3
	}
	const every = tenMinutes * 85 / 100
	renewals := int(time.Duration(days) * 24 * time.Hour / every)
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newTokenWorld(t, renewals)
		defer w.close()
		told := func(err error) { t.Errorf("connection lost: %v", err) }
		options := iothub.Options{SASTTL: tenMinutes, Lost: told}
		s := w.service(ctx, options)
		defer w.closeService(s)
		feedback, err := s.ReceiveFeedback(ctx)
		if err != nil {
			t.Fatal(err)
		}
		d := w.device(ctx, "dev1", options)
		defer d.Close(ctx)
		for n := range renewals {
			time.Sleep(every)
			if err := w.send(ctx, s, "dev1", n); err != nil {
				t.Fatal(err)
			}
			if _, err := w.receive(ctx, d); err != nil {
				t.Fatal(err)
			}
			if err := w.report(ctx, feedback); err != nil {
				t.Fatal(err)
			}
		}
		r := w.verify()
		accepted, refused, attaches := w.counts()
		if accepted != 2*(renewals+1) || refused != 0 {
			t.Errorf("%d tokens accepted, %d refused, want %d and 0", accepted, refused, 2*(renewals+1))
		}
		if attaches != 3 {
			t.Errorf("%d links attached, want 3: a renewal disturbs none", attaches)
		}
		if r.redelivered > 0 {
			t.Errorf("%d redelivered, want 0", r.redelivered)
		}
		t.Logf("%d days, %d renewals: %v", days, 2*renewals, r)
	})
}

// TestRenewalRefused wants a renewal that fails to be tried again while the old
// token lives, without harm to the links, and the user to be told when it dies.
func TestRenewalRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		faults   string
		refused  int // tokens
		attaches int
		err      error
		after    time.Duration
	}{
		// The first renewal is at 8:30, then there is one each 5 s.
		{"for a while", "refuse-auth:first=10", 10, 1, nil, 0},
		{"a session ends", "end-session:first=1", 0, 1, nil, 0},
		{"no answer", "refuse-auth=none:first=2", 0, 1, nil, 0},
		// 5 min after its end, the hub no longer thinks that a clock may be wrong. A
		// last attempt may fall together with that.
		{"for ever", "refuse-auth", 79, 1, iothub.ErrUnauthorized, 15 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newTokenWorld(t, 1)
				defer w.close()
				d := w.device(t.Context(), "dev1", iothub.Options{SASTTL: tenMinutes})
				defer d.Close(t.Context())
				synctest.Wait()
				w.inject(tt.faults)
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
				defer cancel()
				_, err := d.Receive(ctx)
				if tt.err == nil {
					tt.err, tt.after = context.DeadlineExceeded, 20*time.Minute
				}
				if took := time.Since(began); !errors.Is(err, tt.err) || took != tt.after {
					t.Errorf("Receive = %v after %s, want %v after %s", err, took, tt.err, tt.after)
				}
				_, refused, attaches := w.counts()
				if refused < tt.refused || refused > tt.refused+1 || attaches != tt.attaches {
					t.Errorf("%d tokens refused, %d links attached, want %d and %d", refused, attaches, tt.refused, tt.attaches)
				}
			})
		})
	}
}

// TestReadyMadeTokenExpires wants a token that nobody can renew to be used
// until it dies, and then to be an error.
func TestReadyMadeTokenExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTokenWorld(t, 0)
		defer w.close()
		cs := deviceString(t, inMemory, "dev1")
		cs.Token = sas.NewToken(cs.Key, cs.Resource(), "", time.Now().Add(time.Hour))
		cs.Key = sas.Key{}
		p := newProbe(w.world)
		d, err := iothub.DialDevice(t.Context(), cs, &iothub.Options{Dial: p.DialContext})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close(t.Context())
		began := time.Now()
		_, err = d.Receive(t.Context())
		if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "expired") || took != 65*time.Minute {
			t.Errorf("Receive = %v after %s, want that it has expired, after 65m", err, took)
		}
		if puts, dials := p.counted(phasePutToken), p.counted(phaseDial); puts != 2 || dials != 2 {
			t.Errorf("%d tokens put, %d dials, want 2 and 2: the hub is asked once more", puts, dials)
		}
	})
}

// TestHubJudgesReadyMadeToken wants a token that is over by our clock to be shown to
// the hub, which allows five minutes.
func TestHubJudgesReadyMadeToken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		age  time.Duration
		want error
	}{{time.Second, nil}, {4 * time.Minute, nil}, {6 * time.Minute, iothub.ErrUnauthorized}} {
		t.Run(test.age.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newTokenWorld(t, 0)
				defer w.close()
				cs := deviceString(t, inMemory, "dev1")
				cs.Token = sas.NewToken(cs.Key, cs.Resource(), "", time.Now().Add(-test.age))
				cs.Key = sas.Key{}
				d, err := iothub.DialDevice(t.Context(), cs, &iothub.Options{Dial: w.dial})
				if !errors.Is(err, test.want) {
					t.Errorf("error = %v, want %v", err, test.want)
				}
				if err == nil {
					_ = d.Close(t.Context())
				}
			})
		})
	}
}

// TestCloseBlocked wants Close not to wait for a hub that has stopped reading,
// with the socket full.
func TestCloseBlocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, localhub.Options{})
		defer w.close()
		var server *faultnet.Conn
		s := w.service(t.Context(), iothub.Options{Dial: func(context.Context) (net.Conn, error) {
			const small = 1 << 10
			a, b := faultnet.Pipe(small)
			server = faultnet.NewConn(b, 1)
			w.served.Go(func() { w.hub.ServeConn(server) })
			return a, nil
		}})
		server.BlackHole()
		ctx, cancel := context.WithCancel(t.Context())
		sent := make(chan error, 1)
		go func() { sent <- s.Send(ctx, "dev1", &iothub.Message{Body: make([]byte, 60_000)}) }()
		time.Sleep(time.Second)
		cancel()
		w.closeWithin(s, 5*time.Second)
		if err := <-sent; !errors.Is(err, context.Canceled) {
			t.Errorf("Send = %v, want canceled", err)
		}
	})
}
