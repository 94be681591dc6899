package iothub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/sas"
)

// TestFatalIsFatal wants what no attempt can mend to be tried once only.
func TestFatalIsFatal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		cs    func(t *testing.T) sas.ConnectionString
		want  error
		puts  int
		links int
	}{
		{"wrong key", func(t *testing.T) sas.ConnectionString {
			cs := deviceString(t, inMemory, "dev1")
			cs.Key = sas.NewKey([]byte("another key, of the right length"))
			return cs
		}, iothub.ErrUnauthorized, 1, 0},
		{"unknown device", func(t *testing.T) sas.ConnectionString {
			return deviceString(t, inMemory, "dev9")
		}, iothub.ErrNotFound, 1, 0},
		{"unknown device, policy's key", func(t *testing.T) sas.ConnectionString {
			cs := deviceString(t, inMemory, "dev9")
			cs.KeyName = "device"
			return cs
		}, iothub.ErrNotFound, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 0, localhub.Options{})
				defer w.close()
				p := newProbe(w)
				began := time.Now()
				_, err := iothub.DialDevice(t.Context(), tt.cs(t), &iothub.Options{Dial: p.DialContext})
				if !errors.Is(err, tt.want) {
					t.Errorf("error = %v, want %v", err, tt.want)
				}
				for at, want := range map[phase]int{phaseDial: 1, phasePutToken: tt.puts, phaseAttach: tt.links} {
					if got := p.counted(at); got != want {
						t.Errorf("%d attempts to %s, want %d", got, at, want)
					}
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %s, want no time", took)
				}
			})
		})
	}
}

// TestRefusedSendIsFatal wants a message that the hub will not take to be sent
// once, and the next one to be sent as if nothing had been.
func TestRefusedSendIsFatal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, 53, localhub.Options{})
		defer w.close()
		p := newProbe(w)
		lost := 0
		s := w.service(ctx, iothub.Options{Dial: p.DialContext, Lost: func(error) { lost++ }})
		defer w.closeService(s)
		for n := range 50 {
			if err := w.send(ctx, s, "dev1", n); err != nil {
				t.Fatal(err)
			}
		}
		p.arm(noPhase, clientFault{})
		if err := w.send(ctx, s, "dev1", 50); !errors.Is(err, iothub.ErrQueueFull) {
			t.Errorf("message 51 = %v, want queue full", err)
		}
		if err := w.send(ctx, s, "dev9", 51); !errors.Is(err, iothub.ErrNotFound) {
			t.Errorf("to an unknown device = %v, want not found", err)
		}
		id := w.ledger.attempt(52)
		err := s.Send(ctx, "dev1", &iothub.Message{ID: id, Body: make([]byte, 65<<10)})
		w.ledger.sent(id, err)
		if !errors.Is(err, iothub.ErrTooLarge) {
			t.Errorf("65 KB = %v, want too large", err)
		}
		// The last takes two frames.
		if got := p.counted(phaseSend); got != 4 || p.counted(phaseDial) != 0 || p.counted(phaseAttach) != 0 || lost != 0 {
			t.Errorf("%d transfers, %d dials, %d attaches, lost %d times; want 4 and nothing else",
				got, p.counted(phaseDial), p.counted(phaseAttach), lost)
		}
		w.verify()
	})
}

// TestNoStorm wants a hub that cannot be reached, or is busy, to be asked ever
// less often, and the client to be there when it is back.
func TestNoStorm(t *testing.T) {
	t.Parallel()
	const outage = 30 * time.Minute
	for _, tt := range []struct {
		name  string
		start func(*world, *probe)
		end   func(*world, *probe)
		at    phase
	}{
		{
			"nobody listens", func(_ *world, p *probe) {
				p.refuse(true)
				p.cut()
			},
			func(_ *world, p *probe) { p.refuse(false) }, phaseDial,
		},
		{"no link is given", func(w *world, p *probe) { w.inject("detach:first=1,refuse-attach") }, func(w *world, _ *probe) { w.inject("") }, phaseAttach},
		{"links are detached", func(w *world, _ *probe) { w.inject("detach=internal-error") }, func(w *world, _ *probe) { w.inject("") }, phaseAttach},
		{"throttled", func(w *world, _ *probe) { w.inject("refuse-send=throttled") }, func(w *world, _ *probe) { w.inject("") }, phaseSend},
	} {
		for _, senders := range []int{1, 50} {
			t.Run(fmt.Sprintf("%s, %d", tt.name, senders), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, senders, localhub.Options{MaxQueue: senders})
					defer w.close()
					p := newProbe(w)
					s := w.service(t.Context(), iothub.Options{Dial: p.DialContext})
					defer w.closeService(s)
					time.Sleep(time.Hour) // a long peace is no licence to storm
					p.arm(noPhase, clientFault{})
					tt.start(w, p)
					time.AfterFunc(outage, func() { tt.end(w, p) })
					began := time.Now()
					var sending sync.WaitGroup
					for n := range senders {
						sending.Go(func() {
							if err := w.send(t.Context(), s, "dev1", n); err != nil {
								t.Error(err)
							}
						})
					}
					sending.Wait()
					if took := time.Since(began); took < outage || took > outage+20*time.Second {
						t.Errorf("it took %s, want a little more than %s", took, outage)
					}
					// Between two there are 6 to 10 s, once they have failed for a while. All
					// senders share a connection, a link and the hub's pace.
					attempts := p.counted(tt.at)
					if tt.at == phaseSend { // the first of each message and the last are no retries
						attempts -= 2 * (senders - 1)
					}
					if attempts < 180 || attempts > 310 {
						t.Errorf("%d attempts in %s, want 180 to 310", attempts, outage)
					}
					if got := p.counted(phaseDial) + p.counted(phaseAttach); got > 2*310 {
						t.Errorf("%d dials and links attached in %s, want 620 at most", got, outage)
					}
				})
			})
		}
	}
}

// TestGiveUp wants an operation whose context ends to end, whatever the fault,
// with the context's error, on one line.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	for _, faults := range []string{
		"withhold-credit", "withhold-disposition", "black-hole", "refuse-send", "refuse-attach", "detach", "end-session", "refuse-auth=none",
	} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, localhub.Options{})
				defer w.close()
				p := newProbe(w)
				s := w.service(t.Context(), iothub.Options{Dial: p.DialContext})
				w.inject(faults)
				if !strings.HasPrefix(faults, "black") {
					p.cut()
				}
				var sending sync.WaitGroup
				for range 5 { // one makes the attempts, the others wait
					sending.Go(func() { giveUp(t, s) })
				}
				sending.Wait()
				w.closeWithin(s, 5*time.Second)
			})
		})
	}
}

// giveUp wants a message to be given up when its time is over.
func giveUp(t *testing.T, s *iothub.Service) {
	const limit = 45 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	err := s.Send(ctx, "dev1", &iothub.Message{ID: "0"})
	if took := time.Since(began); took != limit || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send = %v after %s, want the deadline after %s", err, took, limit)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("error takes more than a line: %q", err)
	}
}

// closeWithin wants Close to take no longer than that.
func (w *world) closeWithin(s *iothub.Service, most time.Duration) {
	w.t.Helper()
	began := time.Now()
	_ = s.Close(context.Background())
	if took := time.Since(began); took > most {
		w.t.Errorf("Close took %s, want %s at most", took, most)
	}
}
