package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub/auth"
	"iothub-c2d/internal/localhub"
)

// local returns the connection string for the local hub at address, which it
// starts unless one is there already, and how to end the hub.
func (r *receiver) local(ctx context.Context, address string, asked bool) (auth.ConnectionString, func(), error) {
	device := localhub.Device{
		ID:  cmp.Or(r.deviceID, r.settings.Get(console.EnvDeviceID), localhub.DefaultDeviceID),
		Key: localhub.DefaultKey(),
	}
	cs := localhub.DeviceString(address, device)
	if err := console.CheckDeviceID(device.ID); err != nil {
		return cs, nil, err
	}
	if cs.Validate() != nil {
		return cs, nil, console.Usage(fmt.Errorf("--local %q is no address of this machine", address), "it takes HOST:PORT, such as 127.0.0.1:5672")
	}
	stop, address, err := r.startHub(ctx, address, device)
	if err != nil {
		return cs, nil, err
	}
	cs.HostName = address
	if !asked && !r.settings.Quiet {
		r.console.Say("No %s is set: using the local hub at %s.", console.EnvDevice, address)
	}
	return cs, stop, nil
}

// startHub serves a local hub at address. If the address is taken it leaves it
// at that: connecting will show what is there.
func (r *receiver) startHub(ctx context.Context, address string, device localhub.Device) (stop func(), actual string, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return func() {}, address, nil
	}
	if err != nil {
		return nil, "", console.Usage(fmt.Errorf("local hub: %w", err), "--local takes HOST:PORT of this machine, such as 127.0.0.1:5672")
	}
	hub, err := localhub.New(&localhub.Options{
		Devices: []localhub.Device{device},
		Logger:  r.console.Logger(&r.settings),
	})
	if err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	served := make(chan error, 1)
	visitors := newGuests(l)
	go func() { served <- hub.Serve(visitors) }()
	return func() {
		visitors.wait(ctx) // else a sender could miss the feedback on the last message
		hub.Close()
		if err := <-served; err != nil {
			r.console.Say("local hub: %v", err)
		}
	}, l.Addr().String(), nil
}
