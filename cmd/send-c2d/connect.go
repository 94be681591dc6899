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

// target returns the connection string of the hub that the settings ask for:
// theirs, or the local hub's.
func target(s *console.Settings) (sas.ConnectionString, error) {
	if address, asked := s.LocalAddress(); asked || impliesLocal(s) {
		cs := defaults.ServiceString(address)
		return cs, s.CheckLocal(cs)
	}
	cs, err := sas.ParseService(connectionString(s))
	switch {
	case errors.Is(err, sas.ErrDeviceString):
		return cs, console.Usage(err, "this is what simulated-device needs; a service string has SharedAccessKeyName=")
	case err != nil:
		return cs, console.Usage(err, "it looks like HostName=...;SharedAccessKeyName=...;SharedAccessKey=...")
	}
	return cs, nil
}

// impliesLocal reports whether the settings say nothing about a hub, which means
// the local one.
func impliesLocal(s *console.Settings) bool {
	return s.Local == "" && connectionString(s) == ""
}

func connectionString(s *console.Settings) string {
	return cmp.Or(s.ConnectionString, s.Get(console.EnvService, console.EnvServiceAlt))
}

// connect opens the back end's connection to a hub.
func connect(ctx context.Context, c *console.Console, s *console.Settings, hub sas.ConnectionString) (*iothub.Service, error) {
	options, err := way(c, s, hub)
	if err != nil {
		return nil, err
	}
	return iothub.DialService(ctx, hub, options)
}

// way returns the way to a hub that the settings ask for.
func way(c *console.Console, s *console.Settings, hub sas.ConnectionString) (*iothub.Options, error) {
	if impliesLocal(s) {
		c.Note("No %s is set: using the local hub at %s.", console.EnvService, hub.HostName)
	}
	options, err := c.ClientOptions(s, hub)
	if err != nil {
		return nil, err
	}
	options.Logger.Info("connecting", "hub", hub.HostName, "policy", hub.KeyName)
	return options, nil
}
