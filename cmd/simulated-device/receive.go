package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// source is where messages come from: a device, or a fleet.
type source interface {
	Receive(ctx context.Context) (*iothub.Delivery, error)
	Close(ctx context.Context) error
}

// receiver takes messages from the hub, prints and settles them.
type receiver struct {
	count  int        // stop after so many; 0: never
	idle   *idleClock // ends the wait for a message
	settle *settler
	print  *printer
}

// closeTimeout bounds how long the hub may take to confirm the last settlement,
// and again to close the connection.
const closeTimeout = time.Second

// receive handles messages until there have been enough. Then it returns nil.
func (r *receiver) receive(ctx context.Context, device source) error {
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	settle := newSettlements(ctx, r.print, end)
	err := r.handleAll(running, device, settle)
	return cmp.Or(settle.close(), err)
}

// handleAll handles one message after the other.
func (r *receiver) handleAll(ctx context.Context, device source, settle *settlements) error {
	for !settle.enough(r.count) {
		d, err := r.next(ctx, device)
		if errors.Is(err, errIdle) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.handle(ctx, d, settle); err != nil {
			return err
		}
	}
	return nil
}

// next waits for a message, as long as --exit-when-idle and --timeout allow.
func (r *receiver) next(ctx context.Context, device source) (*iothub.Delivery, error) {
	waiting, cancel := r.idle.wait(ctx)
	defer cancel()
	d, err := device.Receive(waiting)
	if err != nil && waiting.Err() != nil {
		return nil, context.Cause(waiting)
	}
	return d, err
}

// handle prints one message, decides its outcome and has it settled.
func (r *receiver) handle(ctx context.Context, d *iothub.Delivery, settle *settlements) error {
	n, err := r.print.received(d)
	if err != nil {
		return err
	}
	outcome, err := r.settle.decide(ctx, d)
	if err != nil {
		return err
	}
	if d.Unreadable == "" { // the device has nothing to do with others
		if err := console.Pause(ctx, r.settle.delay); err != nil {
			return err
		}
	}
	if err := r.print.decided(n, d, outcome); err != nil {
		return err
	}
	return settle.put(settlement{n, d, outcome}) // what has been printed, even if the run ends meanwhile
}
