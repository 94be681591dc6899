package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// local returns the connection string for the local hub at address, and the hub
// if it is started here: unless one is there already.
func (r *receiver) local(ctx context.Context, address string, asked bool) (sas.ConnectionString, *ownHub, error) {
	device := localhub.Device{
		ID:  cmp.Or(r.deviceID, r.settings.Get(console.EnvDeviceID), defaults.DeviceID),
		Key: defaults.Key(),
	}
	cs := defaults.DeviceString(address, device.ID, device.Key)
	if err := console.CheckDeviceID(device.ID); err != nil {
		return cs, nil, err
	}
	if err := r.settings.CheckLocal(cs); err != nil {
		return cs, nil, err
	}
	hub, err := r.startHub(ctx, address, device)
	if err != nil {
		return cs, nil, err
	}
	if hub != nil {
		cs.HostName = hub.visitors.Addr().String()
	}
	if !asked {
		r.console.Note("No %s is set: using the local hub at %s.", console.EnvDevice, cs.HostName)
	}
	return cs, hub, nil
}

// ownHub is a local hub that this process serves beside its device. It is nil
// where the hub is another's.
type ownHub struct {
	console  *console.Console
	hub      *localhub.Hub
	visitors *guests
	served   chan error
}

// startHub serves a local hub at address. If the address is taken it leaves it
// at that: connecting will show what is there.
func (r *receiver) startHub(ctx context.Context, address string, device localhub.Device) (*ownHub, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, nil
	}
	if err != nil {
		return nil, console.Usage(fmt.Errorf("local hub: %w", err), "--local takes HOST:PORT of this machine, such as "+defaults.Address)
	}
	hub, err := localhub.New(&localhub.Options{
		Devices: []localhub.Device{device},
		Logger:  r.console.Logger(&r.settings),
	})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	h := &ownHub{r.console, hub, newGuests(l), make(chan error, 1)}
	go func() { h.served <- hub.Serve(h.visitors) }()
	return h, nil
}

// stop ends the hub, but lets senders hear the feedback on the last message.
func (h *ownHub) stop(ctx context.Context) {
	if h == nil {
		return
	}
	h.visitors.wait(ctx)
	h.hub.Close()
	if err := <-h.served; err != nil {
		h.console.Say("local hub: %v", err)
	}
}

// stay goes on serving the hub after its device has been displaced: the one that
// took over, and all others, depend on it.
func (h *ownHub) stay(ctx context.Context) error {
	h.console.Say("Another receiver has taken the device over. The local hub stays until Ctrl-C.")
	<-ctx.Done()
	return context.Cause(ctx)
}
