package iothub_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/fault"
)

// world is a hub, pipes to it, and a ledger of all that happens. It lives in a
// synctest bubble: hours pass in it in no time, and none of its goroutines may
// be left.
type world struct {
	t      testing.TB
	hub    *localhub.Hub
	faults *fault.Injector
	ledger *ledger
	served sync.WaitGroup
	resent int // by services that are closed
}

const inMemory = "localhost:5672"

// socket is how many bytes are on their way in a pipe at most.
const socket = 1 << 18

func newWorld(t testing.TB, messages int, options localhub.Options) *world {
	t.Helper()
	w := &world{t: t, ledger: newLedger(messages)}
	if options.Devices == nil {
		options.Devices = []localhub.Device{{ID: "dev1", Key: defaults.Key()}}
	}
	also := options.Observer
	options.Observer = func(e broker.Event) {
		w.ledger.observe(e)
		if also != nil {
			also(e)
		}
	}
	var err error
	if w.faults, err = fault.NewInjector(fault.Faults{}); err != nil {
		t.Fatal(err)
	}
	if options.Faults == nil {
		options.Faults = w.faults
	}
	if w.hub, err = localhub.New(&options); err != nil {
		t.Fatal(err)
	}
	return w
}

// close ends the hub and waits for its goroutines.
func (w *world) close() {
	w.hub.Close()
	w.served.Wait()
}

// dial opens a pipe to the hub.
func (w *world) dial(ctx context.Context) (net.Conn, error) {
	return w.through(func(server net.Conn) net.Conn { return server })(ctx)
}

// through returns a dialer whose pipes the hub gets as wrap returns them.
func (w *world) through(wrap func(server net.Conn) net.Conn) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		client, server := faultnet.Pipe(socket)
		server = wrap(server)
		w.served.Go(func() { w.hub.ServeConn(server) })
		return client, nil
	}
}

// dialer returns a dialer whose connections prepare gives faults.
func (w *world) dialer(prepare func(n int, c *faultnet.Conn)) *faultnet.Dialer {
	return &faultnet.Dialer{Dial: w.dial, Prepare: prepare}
}

// service connects a service. A first connection that breaks is tried again,
// as a user would.
func (w *world) service(ctx context.Context, options iothub.Options) *iothub.Service {
	w.t.Helper()
	return persist(w.t, options.Dial == nil, func() (*iothub.Service, error) {
		return iothub.DialService(ctx, serviceString(w.t, inMemory), w.options(&options))
	})
}

func (w *world) device(ctx context.Context, id string, options iothub.Options) *iothub.Device {
	w.t.Helper()
	return persist(w.t, options.Dial == nil, func() (*iothub.Device, error) {
		return iothub.DialDevice(ctx, deviceString(w.t, inMemory, id), w.options(&options))
	})
}

func (w *world) options(o *iothub.Options) *iothub.Options {
	if o.Dial == nil {
		o.Dial = w.dial
	}
	return o
}

// persist calls dial until it succeeds, ten times at most.
func persist[T any](t testing.TB, once bool, dial func() (T, error)) T {
	t.Helper()
	const attempts = 10
	for n := 1; ; n++ {
		client, err := dial()
		if err == nil {
			return client
		}
		if once || n == attempts {
			t.Fatalf("attempt %d: %v", n, err)
		}
	}
}

// closeService closes s and takes over its count.
func (w *world) closeService(s *iothub.Service) {
	_ = s.Close(context.Background()) // its connection may be broken by now
	w.resent += s.Resent()
}

// send sends message n, with feedback, and enters the outcome.
func (w *world) send(ctx context.Context, s *iothub.Service, device string, n int) error {
	id := w.ledger.attempt(n)
	err := s.Send(ctx, device, &iothub.Message{ID: id, Body: []byte(bodyOf(id)), Ack: iothub.AckFull})
	w.ledger.sent(id, err)
	return err
}

// receive takes one message and completes it. A lost lock is no error: the
// message comes again.
func (w *world) receive(ctx context.Context, d *iothub.Device) (id string, err error) {
	m, err := d.Receive(ctx)
	if err != nil {
		return "", err
	}
	w.ledger.received(m)
	err = m.Complete(ctx)
	switch {
	case err == nil:
		w.ledger.completed(m.ID)
	case errors.Is(err, iothub.ErrLockLost):
		err = nil
	}
	return m.ID, err
}

// report takes one feedback message and completes it.
func (w *world) report(ctx context.Context, f *iothub.FeedbackReceiver) error {
	batch, err := f.Receive(ctx)
	if err != nil {
		return err
	}
	w.ledger.reported(batch.Records)
	if err = batch.Complete(ctx); errors.Is(err, iothub.ErrLockLost) {
		return nil // it comes again
	}
	return err
}

// settle receives messages and feedback until every copy of every message has
// ended and was reported.
func (w *world) settle(ctx context.Context, d *iothub.Device, f *iothub.FeedbackReceiver) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers sync.WaitGroup
	defer workers.Wait()
	failed := make(chan error, 2)
	work := func(step func() error) {
		workers.Go(func() {
			for {
				if err := step(); err != nil {
					cancel()
					failed <- err
					return
				}
				if w.ledger.open() == 0 {
					cancel()
				}
			}
		})
	}
	work(func() error { _, err := w.receive(ctx, d); return err })
	work(func() error { return w.report(ctx, f) })
	err := <-failed
	if w.ledger.open() == 0 {
		return nil
	}
	return err
}

// verify closes the books.
func (w *world) verify(devices ...string) report {
	w.t.Helper()
	if devices == nil {
		devices = []string{"dev1"}
	}
	synctest.Wait() // until the hub has told everything
	r, err := w.ledger.check(w.hub, devices, w.resent)
	if err != nil {
		w.t.Error(err)
	}
	return r
}

// patience is more fake time than any scenario takes if nothing hangs.
const patience = time.Hour
