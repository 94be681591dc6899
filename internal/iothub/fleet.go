package iothub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/sas"
)

// Fleet is many devices of one hub. They share a few connections, and are on their
// own otherwise: each has its own token and link, is refused or displaced without harm
// to the others, and comes back by itself.
type Fleet struct {
	clients  []*client // one for each connection
	arrivals chan arrival
	cancel   context.CancelFunc
	running  sync.WaitGroup // the devices
	roster   *roster
}

// member is one of the devices.
type member struct {
	Device
	state memberState // the roster's lock guards it
}

// arrival is a message for a device, or why it will get none any more.
type arrival struct {
	delivery *Delivery
	err      error
}

// maxSharing is how many devices of a fleet share a connection. Source: the
// connection pool of the C# SDK, by Microsoft's iot-telemetry-simulator.
const maxSharing = 995

// attachesAtOnce is how many devices of a fleet show their tokens and attach their
// links at once. A hub limits how many do so in a second; when it refuses one
// therefore, that device waits for longer each time.
const attachesAtOnce = 32

// DialFleet connects devices to a hub, in the background. The connection string is
// that of a policy which may act for devices (DeviceConnect). The first connection is
// tried once only, but no device is waited for.
//
// [Options.Lost] is called when the first device loses its link, [Options.Restored]
// when no device is without one that had one. Prefetch is that of each device.
func DialFleet(ctx context.Context, cs sas.ConnectionString, ids []string, options *Options) (*Fleet, error) {
	o := options.withDefaults()
	o.fleet = true
	f := &Fleet{arrivals: make(chan arrival), roster: newRoster(len(ids), o)}
	for n := 0; n == 0 || n < len(ids); n += maxSharing {
		f.clients = append(f.clients, newClient(cs, &o))
	}
	if _, err := f.clients[0].connection(ctx); err != nil {
		return nil, err
	}
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	gate := make(mutex, attachesAtOnce)
	f.running.Add(len(ids))
	for i, id := range ids {
		go f.receive(ctx, f.member(f.clients[i%len(f.clients)], id, gate))
	}
	go func() {
		f.running.Wait()
		close(f.arrivals) // by which Close waits for this
	}()
	return f, nil
}

// member returns a device that is not connected yet.
func (f *Fleet) member(c *client, id string, gate mutex) *member {
	cs := c.cs
	cs.DeviceID = id
	a := newAttachment(c, fleetLink(cs, c.options.Prefetch))
	m := &member{Device: Device{client: c, receiver: a, id: id}}
	a.member, a.gate = true, gate
	a.outage = newAway(
		func(err error) { f.roster.move(m, away, err) },
		func(time.Duration) { f.roster.move(m, connected, nil) },
	)
	return m
}

// receive is the goroutine of a device. It waits for messages with little on its
// stack, which is most of what a device costs that has none.
func (f *Fleet) receive(ctx context.Context, m *member) {
	defer f.running.Done()
	link, err := m.link(ctx, nil)
	for err == nil {
		message, failed := m.wait(ctx, link)
		if failed != nil {
			link, err = m.link(ctx, failed)
			continue
		}
		h := held{m.receiver, link, message}
		if !f.arrive(ctx, arrival{delivery: h.delivery(m.id)}) {
			return
		}
	}
	if ctx.Err() == nil {
		f.roster.move(m, gone, err)
		f.arrive(ctx, arrival{err: &DeviceError{m.id, err}})
	}
}

// arrive passes on what has come for a device, and reports whether ctx let it.
func (f *Fleet) arrive(ctx context.Context, a arrival) bool {
	select {
	case f.arrivals <- a:
		return true
	case <-ctx.Done():
		return false
	}
}

// link returns the device's link, another one if that which it had has failed.
func (m *member) link(ctx context.Context, failed *failure[*amqp.Receiver]) (link *amqp.Receiver, err error) {
	err = m.receiver.again(ctx, failed, func(_ context.Context, attached *amqp.Receiver, _ *wait) error {
		link = attached
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("receive for %s: %w", m.id, err)
	}
	return link, nil
}

// wait waits for the next message on the device's link. What a link holds after its
// connection is lost can no longer be settled, and counts as nothing.
func (m *member) wait(ctx context.Context, link *amqp.Receiver) (*amqp.Message, *failure[*amqp.Receiver]) {
	message, err := link.Receive(ctx, nil)
	now := m.receiver.current.Load()
	if now == nil || now.link != link { // a settlement has failed
		return nil, &failure[*amqp.Receiver]{err: cmp.Or(err, error(&amqp.LinkError{})), attached: true, link: link}
	}
	if err == nil {
		err = now.conn.lost()
	}
	if err == nil {
		return message, nil
	}
	return nil, &failure[*amqp.Receiver]{err: now.conn.classify(refine(err)), attached: true, link: link, conn: now.conn}
}

// DeviceError is why a device of a fleet receives no more. The others are as good as
// before.
type DeviceError struct {
	DeviceID string
	err      error
}

func (e *DeviceError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *DeviceError) Unwrap() error { return e.err }

// ErrNoDevice is the error of a fleet that has no device left.
var ErrNoDevice = errors.New("no device is left")

// Receive waits for the next message for any of the devices, which is to be settled
// as that of a [Device]. An error is a [*DeviceError] if only one device has failed,
// and [ErrNoDevice], with the reason of the first, if none is left.
func (f *Fleet) Receive(ctx context.Context) (*Delivery, error) {
	select {
	case a, ok := <-f.arrivals:
		if !ok {
			return nil, f.roster.empty()
		}
		return a.delivery, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close ends the connections, and what waits for them. Messages that are not settled
// go back to the hub. It waits for the hub no longer than ctx lives.
func (f *Fleet) Close(ctx context.Context) error {
	f.cancel()
	failures := make([]error, len(f.clients))
	var closing sync.WaitGroup
	for i, c := range f.clients {
		closing.Go(func() { failures[i] = c.close(ctx) })
	}
	closing.Wait()
	for range f.arrivals { // until all devices have ended
	}
	return errors.Join(failures...)
}
