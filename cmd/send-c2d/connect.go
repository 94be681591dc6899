package main

import (
	"cmp"
	"context"
	"errors"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/auth"
	"iothub-c2d/internal/localhub"
)

// connect opens the back end's connection that the settings ask for.
func connect(ctx context.Context, c *console.Console, s *console.Settings) (*iothub.Service, error) {
	cs, err := target(c, s)
	if err != nil {
		return nil, err
	}
	tls, err := s.TLS()
	if err != nil {
		return nil, err
	}
	return iothub.DialService(ctx, cs, c.ClientOptions(s, tls))
}

// target returns the connection string: from the settings, or the local hub's.
func target(c *console.Console, s *console.Settings) (auth.ConnectionString, error) {
	text := cmp.Or(s.ConnectionString, s.Get(console.EnvService, console.EnvServiceAlt))
	local, asked := s.LocalAddress(localhub.DefaultAddress)
	if asked || text == "" {
		cs := localhub.ServiceString(local)
		if err := cs.Validate(); err != nil {
			return cs, console.Usage(err, "--local takes HOST:PORT of this machine")
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
