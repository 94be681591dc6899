package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// runFleet is run for many devices.
func runFleet(ctx context.Context, c *console.Console, f *deviceFlags, s *console.Settings, r *receiver) error {
	text := cmp.Or(f.deviceID, defaultTemplate)
	ids, err := deviceIDs(text, int(f.devices))
	if err != nil {
		return err
	}
	cs, hub, err := fleetTarget(ctx, c, s, ids)
	if err != nil {
		return err
	}
	defer hub.stop(ctx)
	if hub == nil {
		console.UseOneProcessor()
	}
	fleet, err := f.connectFleet(ctx, c, s, cs, ids, r)
	if err != nil {
		return console.Cause(ctx, err)
	}
	if to := idRange(text, len(ids)); hub != nil && to != "" {
		c.Note("Send to them with: send-c2d%s -d %s hello", localFlag(hub), to)
	}
	stop := fleet.watch(ctx)
	err = r.attend(ctx, c, fleet, hub)
	stop()
	if err == nil && fleet.failure != nil {
		return console.Exit(console.Code(fleet.failure)) // it has been told
	}
	return err
}

// localFlag returns the flag by which other tools find the hub, if they need one.
func localFlag(hub *ownHub) string {
	if address := hub.listener.Addr().String(); address != defaults.Address {
		return " --local=" + address
	}
	return ""
}

// fleetTarget returns the connection string of a policy that may act for devices, and
// the local hub if it is served by this process.
func fleetTarget(ctx context.Context, c *console.Console, s *console.Settings, ids []string) (sas.ConnectionString, *ownHub, error) {
	const needs = "--devices needs the connection string of a policy with device connect, such as iothubowner: HostName=...;SharedAccessKeyName=...;SharedAccessKey=..."
	text := s.ConnectionString()
	if text == "" {
		address, hub, err := localHub(ctx, c, s, console.EnvService, ids...)
		return defaults.ServiceString(address), hub, err
	}
	cs, err := sas.ParseService(text)
	switch {
	case errors.Is(err, sas.ErrDeviceString):
		return cs, nil, console.Usage(err, needs)
	case err != nil:
		return cs, nil, console.Usage(err, cmp.Or(sas.LikelyMistake(text), needs))
	case cs.Key.IsZero():
		return cs, nil, console.Usage(errors.New("the connection string has no key to sign a token for each device with"), needs)
	}
	return cs, nil, nil
}

// fleetPrefetch is how many messages each device of a fleet holds if no flag says it.
const fleetPrefetch = 10

// connectFleet opens the first connection of the devices that r receives for.
func (f *deviceFlags) connectFleet(ctx context.Context, c *console.Console, s *console.Settings, cs sas.ConnectionString, ids []string, r *receiver) (*fleet, error) {
	options, err := c.ClientOptions(s, cs)
	if err != nil {
		return nil, err
	}
	options.Prefetch = cmp.Or(int(f.prefetch), r.settle.prefetch(), fleetPrefetch)
	r.idle.follow(options)
	options.Logger.Info("connecting", "hub", cs.HostName, "devices", len(ids))
	phase := c.Connecting(cs.HostName, options.Progress)
	defer phase.End()
	connected, err := iothub.DialFleet(ctx, cs, ids, options)
	if err != nil {
		return nil, err
	}
	c.Connected(s, cs)
	devices := &fleet{Fleet: connected, console: c, size: len(ids), began: time.Now(), endures: !options.NoReconnect}
	r.print.status = devices.status
	return devices, nil
}

// fleet is the source of messages for many devices. One that fails is told, and the
// others go on.
type fleet struct {
	*iothub.Fleet
	console *console.Console
	size    int
	began   time.Time
	endures bool // the failure of one device is not that of the run

	mu      sync.Mutex
	failure error // the first of a device
	failed  fleetStatus
}

// mostTold is how many devices are named that have failed.
const mostTold = 5

// Receive waits for the next message for any of the devices.
func (f *fleet) Receive(ctx context.Context) (*iothub.Delivery, error) {
	for {
		d, err := f.Fleet.Receive(ctx)
		var one *iothub.DeviceError
		if !errors.As(err, &one) || !f.endures {
			return d, err
		}
		f.tell(err)
	}
}

// tell tells that a device has failed. The hint is the same for most.
func (f *fleet) tell(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if errors.Is(err, iothub.ErrDisplaced) {
		f.failed.displaced++
	} else {
		f.failed.refused++
	}
	switch n := f.failed.displaced + f.failed.refused; {
	case n == 1:
		f.failure = err
		f.console.Report(err)
	case n <= mostTold:
		f.console.Say("%s: %v", f.console.Name, err)
	case n == mostTold+1:
		f.console.Say("%s: there are more; the summary counts them", f.console.Name)
	}
}

// watch tells when all devices are connected, or refused. The function stop ends
// that.
func (f *fleet) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		phase := f.console.Phase(func() console.Waiting {
			return console.Waiting{For: fmt.Sprintf("the hub to take all devices: %d of %d are connected", f.Status().Connected, f.size)}
		})
		defer phase.End()
		select {
		case <-f.Ready():
			took := time.Since(f.began)
			debug.FreeOSMemory() // connecting leaves as much garbage as what stays
			if s := f.status(); s.connected > 0 && ctx.Err() == nil {
				f.console.Note("Waiting for messages for %s, connected in %s; Ctrl-C stops.", s, console.Span(took))
			}
		case <-ctx.Done():
		}
	})
	return func() {
		cancel()
		watching.Wait()
	}
}

// status returns how the devices are.
func (f *fleet) status() fleetStatus {
	s := f.Status()
	f.mu.Lock()
	defer f.mu.Unlock()
	return fleetStatus{f.size, s.Connected, f.failed.refused, f.failed.displaced, s.Returns}
}
