package iothub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/fault"
)

// want is what a fault at a phase must lead to.
type want struct {
	remedy   string // none, again, relink, reconnect or stop
	attempts int    // at the phase
	err      error  // of stop
	within   time.Duration
}

const (
	none      = "none" // it did no harm
	again     = "again"
	relink    = "relink"
	reconnect = "reconnect"
	stop      = "stop"
)

// soon is the most that recovery may take where the fault is noticed at once:
// the first attempt waits not at all, the next two for back-off.
const soon = 300 * time.Millisecond

// matrixCase is a fault at a phase.
type matrixCase struct {
	fault  string
	phase  phase
	want   want
	client clientFault
	hub    string // in place of client: faults of the hub's
}

// TestFaultsByPhase lets each fault strike once at each phase that it can
// strike at, and wants the right remedy, the right number of attempts, and
// nothing lost.
func TestFaultsByPhase(t *testing.T) {
	t.Parallel()
	cases := matrix()
	for _, c := range cases {
		t.Run(c.fault+" at "+string(c.phase), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { c.run(t) })
		})
	}
	faults := make(map[string]bool)
	for _, c := range cases {
		faults[c.fault] = true
	}
	t.Logf("%d cases: %d faults, %d phases", len(cases), len(faults), len(phases))
}

func (c matrixCase) run(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w := newWorld(t, 1, localhub.Options{})
	defer w.close()
	p := newProbe(w)
	b := c.client
	if c.hub != "" {
		b.before = func(*faultnet.Conn) { w.inject(c.hub) }
	}
	var err error
	began := time.Now()
	switch c.phase {
	case phaseReceive, phaseSettle:
		err = c.receive(ctx, w, p, b)
	default:
		err = c.send(ctx, w, p, b)
	}
	c.check(t, p, err, time.Since(began))
	w.inject("")
	w.finish(ctx, err)
	w.verify()
}

func (w *world) inject(faults string) {
	f, err := fault.Parse(faults)
	if err == nil {
		err = w.faults.Set(f)
	}
	if err != nil {
		w.t.Error(err)
	}
}

// send lets the fault strike a service that sends. For the phases before that,
// its connection has to break first.
func (c matrixCase) send(ctx context.Context, w *world, p *probe, b clientFault) error {
	s := w.service(ctx, iothub.Options{Dial: p.DialContext})
	defer w.closeService(s)
	p.arm(c.phase, b)
	if c.phase != phaseSend {
		p.cut()
		synctest.Wait()
	}
	return w.send(ctx, s, "dev1", 0)
}

// receive lets the fault strike a device that receives and settles.
func (c matrixCase) receive(ctx context.Context, w *world, p *probe, b clientFault) error {
	s := w.service(ctx, iothub.Options{})
	defer w.closeService(s)
	if err := w.send(ctx, s, "dev1", 0); err != nil {
		return err
	}
	p.arm(c.phase, b)
	d := w.device(ctx, "dev1", iothub.Options{Dial: p.DialContext})
	defer d.Close(ctx)
	p.mu.Lock()
	p.count[phaseDial], p.count[phaseAttach] = 0, 0
	p.mu.Unlock()
	for w.ledger.ended() == 0 {
		if _, err := w.receive(ctx, d); err != nil {
			return err
		}
		synctest.Wait()
	}
	return nil
}

// ended returns how many copies have ended.
func (l *ledger) ended() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.accounts {
		n += int(a.success + a.dead)
	}
	return n
}

// finish lets clients without faults see to what is left.
func (w *world) finish(ctx context.Context, failed error) {
	if failed != nil && w.ledger.open() == 0 {
		return
	}
	s := w.service(ctx, iothub.Options{})
	defer w.closeService(s)
	f, err := s.ReceiveFeedback(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	d := w.device(ctx, "dev1", iothub.Options{})
	defer d.Close(ctx)
	if err := w.settle(ctx, d, f); err != nil {
		w.t.Error(err)
	}
}

// check compares what was done with what should have been.
func (c matrixCase) check(t *testing.T, p *probe, err error, took time.Duration) {
	t.Helper()
	if got := c.remedy(p, err); got != c.want.remedy {
		t.Errorf("remedy = %s (%v), want %s", got, err, c.want.remedy)
	}
	if got := p.counted(c.phase); got != c.want.attempts {
		t.Errorf("%d attempts to %s, want %d", got, c.phase, c.want.attempts)
	}
	if !errors.Is(err, c.want.err) {
		t.Errorf("error = %v, want %v", err, c.want.err)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("error takes more than a line: %q", err)
	}
	if took > c.want.within {
		t.Errorf("it took %s, want %s at most", took, c.want.within)
	}
}

// remedy tells from the steps that were taken what the remedy was.
func (c matrixCase) remedy(p *probe, err error) string {
	dials, attaches := p.counted(phaseDial), p.counted(phaseAttach)
	switch c.phase {
	case phaseSend, phaseReceive, phaseSettle:
	default: // the connection had to be made anew anyway
		dials--
		attaches--
	}
	switch {
	case err != nil:
		return stop
	case dials > 0:
		return reconnect
	case attaches > 0:
		return relink
	case p.counted(phaseSend) > 1:
		return again
	}
	return none
}
