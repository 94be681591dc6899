package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/auth"
	"iothub-c2d/internal/localhub"
)

// connect opens the back end's connection that the settings ask for.
func connect(ctx context.Context, c *console.Console, s *console.Settings) (*iothub.Service, error) {
	cs, options, err := resolve(c, s)
	if err != nil {
		return nil, err
	}
	return iothub.DialService(ctx, cs, options)
}

// resolve returns which hub the settings ask for, and the way to it.
func resolve(c *console.Console, s *console.Settings) (auth.ConnectionString, *iothub.Options, error) {
	cs, err := target(c, s)
	if err != nil {
		return cs, nil, err
	}
	options, err := c.ClientOptions(s, cs)
	if err != nil {
		return cs, nil, err
	}
	options.Logger.Info("connecting", "hub", cs.HostName, "policy", cs.KeyName)
	return cs, options, nil
}

func connectionString(s *console.Settings) string {
	return cmp.Or(s.ConnectionString, s.Get(console.EnvService, console.EnvServiceAlt))
}

// target returns the connection string: from the settings, or the local hub's.
func target(c *console.Console, s *console.Settings) (auth.ConnectionString, error) {
	text := connectionString(s)
	local, asked := s.LocalAddress()
	if asked || text == "" {
		cs := localhub.ServiceString(local)
		if err := cs.Validate(); err != nil {
			return cs, console.Usage(fmt.Errorf("--local %q is no address of this machine", local), "it takes HOST:PORT, such as 127.0.0.1:5672")
		}
		if !asked && !s.Quiet {
			c.Say("No %s is set: using the local hub at %s.", console.EnvService, local)
		}
		return cs, nil
	}
	cs, err := auth.ParseService(text)
	switch {
	case errors.Is(err, auth.ErrDeviceString):
		return cs, console.Usage(err, "this is what simulated-device needs; a service string has SharedAccessKeyName=")
	case err != nil:
		return cs, console.Usage(err, "it looks like HostName=...;SharedAccessKeyName=...;SharedAccessKey=...")
	}
	return cs, nil
}
