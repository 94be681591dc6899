package iothub_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// cutAfter returns the options of a client whose process dies when its connection is
// cut, after a number of bytes that chance decides: it knows no more.
func cutAfter(w *world, direction faultnet.Direction, bytes int64) iothub.Options {
	return iothub.Options{
		NoReconnect: true,
		Dial: w.dialer(func(_ int, c *faultnet.Conn) {
			c.CutAfter(direction, bytes, faultnet.Reset)
		}).DialContext,
	}
}

// TestKillDevice kills the device at a random byte, again and again, and wants
// every message to be processed nevertheless, by one of its successors.
func TestKillDevice(t *testing.T) {
	t.Parallel()
	const messages, seed = 50, 1
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		w := newWorld(t, messages, localhub.Options{DefaultTTL: 48 * time.Hour})
		defer w.close()
		s := w.service(ctx, iothub.Options{})
		for n := range messages {
			if err := w.send(ctx, s, "dev1", n); err != nil {
				t.Fatal(err)
			}
		}
		random := rand.New(rand.NewPCG(seed, 0))
		lives := 0
		for ; w.ledger.ended() < messages && ctx.Err() == nil; lives++ {
			w.liveAsDevice(ctx, cutAfter(w, faultnet.Direction(random.IntN(2)), random.Int64N(3000)))
		}
		w.closeService(s)
		w.finish(ctx, nil)
		r := w.verify()
		if r.redelivered == 0 {
			t.Error("no message was redelivered: nothing was tested")
		}
		t.Logf("%d lives, %v", lives, r)
	})
}

// liveAsDevice is the life of one process.
func (w *world) liveAsDevice(ctx context.Context, options iothub.Options) {
	options.Prefetch = 10 // or the few bytes of a life would nearly all go into what comes first
	d, err := iothub.DialDevice(ctx, deviceString(w.t, inMemory, "dev1"), &options)
	if err != nil {
		return
	}
	defer d.Close(ctx)
	for w.ledger.open() > 0 {
		m, err := d.Receive(ctx)
		if err != nil {
			return
		}
		w.ledger.received(m)
		if err := m.Complete(ctx); err != nil {
			return
		}
		w.ledger.completed(m.ID)
	}
}

// TestKillSender kills the sender at a random byte of every message, and wants
// what was acked to be there, and what the sender died over to be there once or
// not at all.
func TestKillSender(t *testing.T) {
	t.Parallel()
	const messages, seed = 300, 1
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		w := newWorld(t, messages, localhub.Options{MaxQueue: messages})
		defer w.close()
		random := rand.New(rand.NewPCG(seed, 0))
		for n := 0; n < messages; {
			options := cutAfter(w, faultnet.Direction(random.IntN(2)), 700+random.Int64N(1500))
			s, err := iothub.DialService(ctx, serviceString(t, inMemory), &options)
			if err != nil {
				continue // it died even sooner
			}
			for err = nil; err == nil && n < messages; n++ {
				err = w.send(ctx, s, "dev1", n)
			}
			// An error that leaves nothing open is one of a connection that was known to
			// be dead: the ledger sees to it that the message is not there.
			w.closeService(s)
		}
		synctest.Wait()
		w.finish(ctx, nil)
		r := w.verify()
		if r.recovered == 0 || r.recovered == r.indeterminate {
			t.Errorf("of %d indeterminate messages, %d were there: not both ways were tested", r.indeterminate, r.recovered)
		}
		t.Log(r)
	})
}

// TestKilledDeviceLock wants a message that its device died over to come back
// when its lock ends, not before and not later.
func TestKilledDeviceLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, 1, localhub.Options{})
		defer w.close()
		s := w.service(ctx, iothub.Options{})
		defer w.closeService(s)
		p := newProbe(w)
		first := w.device(ctx, "dev1", iothub.Options{Dial: p.DialContext, NoReconnect: true})
		defer first.Close(ctx)
		if err := w.send(ctx, s, "dev1", 0); err != nil {
			t.Fatal(err)
		}
		m, err := first.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		w.ledger.received(m)
		p.cut()
		if err := m.Complete(ctx); !errors.Is(err, iothub.ErrLockLost) {
			t.Errorf("Complete = %v, want that the lock is lost", err)
		}
		second := w.device(ctx, "dev1", iothub.Options{})
		defer second.Close(ctx)
		if _, err := w.receive(ctx, second); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it came back after %s, want 1m", took)
		}
		w.finish(ctx, nil)
		w.verify()
	})
}
