package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// receiver is the program's main job: the tutorial's SimulatedDevice.py.
type receiver struct {
	console  *console.Console
	settings console.Settings
	deviceID string
	count    int
	idle     console.Duration
	prefetch int
	files    certificateFiles
	settle   settler
	print    printer
}

func (r *receiver) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&r.deviceID, "device-id", "d", "", "device `ID` to be, on the local hub (default "+defaults.DeviceID+")")
	f.IntVarP(&r.count, "count", "C", 0, "stop after `N` settled messages")
	f.Var(&r.idle, "exit-when-idle", "stop after this long without a message")
	f.IntVar(&r.prefetch, "prefetch", 0, "messages to hold at once; the lock of each is running (default 10; 1 with --exec or --settle-delay, 1000 to leave some unsettled)")
	r.files.addFlags(f)
	r.settle.addFlags(f)
	r.print.addFlags(f)
}

// run connects, receives and settles until there is a reason to stop.
func (r *receiver) run(ctx context.Context) error {
	ctx, cancel := r.settings.WithTimeout(ctx)
	defer cancel()
	if err := r.prepare(); err != nil {
		return err
	}
	cs, hub, err := r.target(ctx)
	if err != nil {
		return err
	}
	defer hub.stop(ctx)
	device, err := r.connect(ctx, cs)
	if err != nil {
		return console.Cause(ctx, err)
	}
	r.console.Note("Waiting for messages for device %s; Ctrl-C stops.", cs.DeviceID)
	done := r.console.ShowProgress(r.print.progress)
	err = console.Cause(ctx, r.receive(ctx, device))
	done()
	err = errors.Join(err, r.print.summary())
	r.leave(device)
	if errors.Is(err, iothub.ErrDisplaced) && hub != nil {
		return hub.stay(ctx)
	}
	return err
}

// prepare checks everything that needs no hub.
func (r *receiver) prepare() error {
	if r.count < 0 || r.prefetch < 0 {
		return console.Usagef("--count and --prefetch take a positive number")
	}
	if err := r.settings.Load(); err != nil {
		return err
	}
	if err := r.print.prepare(r.console, &r.settings); err != nil {
		return err
	}
	commands := r.console.Out
	if r.print.structured() {
		commands = r.console.Err // what they print must not get into the data
	}
	return r.settle.prepare(r.console, commands)
}

// target returns the device's connection string and, if it is for a local hub
// that is served here, the hub.
func (r *receiver) target(ctx context.Context) (sas.ConnectionString, *ownHub, error) {
	text := cmp.Or(r.settings.ConnectionString, r.settings.Get(console.EnvDevice))
	local, asked := r.settings.LocalAddress()
	if asked || text == "" {
		return r.local(ctx, local, asked)
	}
	cs, err := sas.ParseDevice(text)
	switch {
	case errors.Is(err, sas.ErrServiceString):
		return cs, nil, console.Usage(err, "this is what send-c2d needs; a device's own string has DeviceId=")
	case err != nil:
		return cs, nil, console.Usage(err, "it looks like HostName=...;DeviceId=...;SharedAccessKey=...")
	case r.deviceID != "" && r.deviceID != cs.DeviceID:
		return cs, nil, console.Usage(fmt.Errorf("--device-id is %s, the connection string is for device %s", r.deviceID, cs.DeviceID),
			"to be another device of a local hub, use --local=HOST:PORT --device-id "+r.deviceID)
	}
	return cs, nil, nil
}

func (r *receiver) connect(ctx context.Context, cs sas.ConnectionString) (*iothub.Device, error) {
	options, err := r.console.ClientOptions(&r.settings, cs)
	if err != nil {
		return nil, err
	}
	if options.TLS.Certificates, err = r.certificate(cs); err != nil {
		return nil, err
	}
	options.Prefetch = cmp.Or(r.prefetch, r.settle.prefetch())
	options.Logger.Info("connecting", "hub", cs.HostName, "device", cs.DeviceID)
	return iothub.DialDevice(ctx, cs, options)
}

// receive takes one message after the other. It returns nil when there have
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

var errIdle = errors.New("no message for a while")

// next waits for a message, as long as --exit-when-idle and --timeout allow.
func (r *receiver) next(ctx context.Context, device *iothub.Device) (*iothub.Delivery, error) {
	waiting := ctx
	if r.idle > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeoutCause(ctx, time.Duration(r.idle), errIdle)
		defer cancel()
	}
	d, err := device.Receive(waiting)
	if err != nil && waiting.Err() != nil {
		return nil, context.Cause(waiting)
	}
	return d, err
}

// handle prints one message, decides what becomes of it and tells the hub.
func (r *receiver) handle(ctx context.Context, d *iothub.Delivery) error {
	if err := r.print.received(d); err != nil {
		return err
	}
	outcome, err := r.settle.decide(ctx, d)
	if err != nil {
		return err
	}
	if err := r.settle.wait(ctx); err != nil {
		return err
	}
	if err := r.print.decided(d, outcome); err != nil {
		return err
	}
	// What has been printed is settled, also when it is time to go.
	ctx, cancel := console.Linger(ctx, leaveTimeout)
	defer cancel()
	switch err := outcome.apply(ctx, d); {
	case errors.Is(err, iothub.ErrLockLost):
		return r.print.lockLost(d)
	case err != nil:
		return fmt.Errorf("message %q: %w", d.ID, err)
	}
	r.print.settled(outcome)
	return nil
}

// leaveTimeout bounds how long the hub may take to hear of the last settlement,
// and again to let the device go.
const leaveTimeout = time.Second

func (r *receiver) leave(device *iothub.Device) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := device.Close(ctx); err != nil && r.settings.Verbose {
		r.console.Say("disconnect: %v", err)
	}
}
