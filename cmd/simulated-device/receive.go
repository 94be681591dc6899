package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

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

// receive handles one message after the other. It returns nil when there have
// been enough.
func (r *receiver) receive(ctx context.Context, device *iothub.Device) error {
	for r.count == 0 || r.print.finished() < r.count {
		d, err := r.next(ctx, device)
		if errors.Is(err, errIdle) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.handle(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// next waits for a message, as long as --exit-when-idle and --timeout allow.
func (r *receiver) next(ctx context.Context, device *iothub.Device) (*iothub.Delivery, error) {
	waiting, cancel := r.idle.wait(ctx)
	defer cancel()
	d, err := device.Receive(waiting)
	if err != nil && waiting.Err() != nil {
		return nil, context.Cause(waiting)
	}
	return d, err
}

// handle prints one message, decides its outcome and settles it.
func (r *receiver) handle(ctx context.Context, d *iothub.Delivery) error {
	if err := r.print.received(d); err != nil {
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
	if err := r.print.decided(d, outcome); err != nil {
		return err
	}
	// What has been printed is settled, even if the run ends meanwhile.
	ctx, cancel := console.WithGrace(ctx, closeTimeout)
	defer cancel()
	switch err := outcome.apply(ctx, d); {
	case errors.Is(err, iothub.ErrLockLost):
		return r.print.lockLost(d)
	case errors.Is(err, iothub.ErrNotSettled):
		return r.print.notSettled(d, err)
	case err != nil:
		return fmt.Errorf("message %q: %w", d.ID, err)
	}
	r.print.settled(outcome)
	return nil
}
