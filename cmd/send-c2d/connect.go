package main

import (
	"cmp"
	"context"
	"errors"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// target is the hub of a run, and how to connect to it.
type target struct {
	settings *console.Settings
	hub      sas.ConnectionString
	implied  bool // nothing names a hub, so it is the local one
}

// newTarget returns the hub that the flags, the environment or a file name.
func newTarget(flags *console.HubFlags) (target, error) {
	settings, err := flags.Settings()
	if err != nil {
		return target{}, err
	}
	if text := settings.ConnectionString(); text != "" {
		hub, err := parseHub(text)
		return target{settings: settings, hub: hub}, err
	}
	if host := settings.Host(); host != "" {
		return target{settings: settings, hub: sas.ConnectionString{HostName: host}}, nil
	}
	address, asked, err := settings.LocalAddress()
	hub := defaults.ServiceString(address)
	if settings.UsesEntra() {
		hub.KeyName, hub.Key = "", sas.Key{}
	}
	return target{settings: settings, hub: hub, implied: !asked}, err
}

func parseHub(text string) (sas.ConnectionString, error) {
	hub, err := sas.ParseService(text)
	switch {
	case errors.Is(err, sas.ErrDeviceString):
		return hub, console.Usage(err, "this is what simulated-device needs; a service string has SharedAccessKeyName=")
	case err != nil:
		return hub, console.Usage(err, cmp.Or(sas.LikelyMistake(text), "it looks like HostName=...;SharedAccessKeyName=...;SharedAccessKey=..."))
	}
	return hub, nil
}

var errNoDevice = console.Usage(errors.New("no device is named"), "name it with --device-id, or set "+console.EnvDeviceID)

// devices returns ids, or else the default device. Only on a local hub a device is
// known without settings.
func (t target) devices(ids []string) ([]string, error) {
	if len(ids) == 0 {
		id := t.settings.Get(console.EnvDeviceID)
		if t.hub.UseDevelopmentEmulator {
			id = cmp.Or(id, defaults.DeviceID)
		}
		if id == "" {
			return nil, errNoDevice
		}
		ids = []string{id}
	}
	return ids, checkDevices(ids)
}

func checkDevices(ids []string) error {
	for _, id := range ids {
		if err := console.CheckDeviceID(id); err != nil {
			return err
		}
	}
	return nil
}

// connect opens the back end's connection to the hub.
func (t target) connect(ctx context.Context, c *console.Console, options *iothub.Options) (*iothub.Service, error) {
	phase := c.Connecting(t.hub.HostName, options.Progress)
	defer phase.End()
	service, err := iothub.DialService(ctx, t.hub, options)
	if err != nil {
		return nil, err
	}
	c.Connected(t.settings, t.hub)
	return service, nil
}

// options returns how to connect. It says so if the hub is implied. If a command
// prints the tokens, it has printed the first: the time that it takes is not the hub's.
func (t target) options(ctx context.Context, c *console.Console) (*iothub.Options, error) {
	if t.implied {
		c.Note("No %s is set: using the local hub at %s.", console.EnvService, t.hub.HostName)
	}
	options, err := c.ClientOptions(t.settings, t.hub)
	if err != nil {
		return nil, err
	}
	if options.Tokens != nil {
		if _, err := options.Tokens(ctx); err != nil {
			return nil, err
		}
	}
	options.Logger.Info("connecting", "hub", t.hub.HostName, "policy", t.hub.KeyName)
	return options, nil
}
