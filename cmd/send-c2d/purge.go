package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// purger is the purge subcommand: it empties the queues of devices.
type purger struct {
	console  *console.Console
	settings *console.Settings
	devices  []string
	report   report
}

func newPurgeCommand(c *console.Console, s *console.Settings) *cobra.Command {
	p := &purger{console: c, settings: s}
	cmd := &cobra.Command{
		Use:   "purge",
		Short: "Remove the messages that wait for a device",
		Long: `purge removes all messages that wait for a device, also those that it holds
unsettled. Their senders get the feedback Purged, if they have asked for any.

AMQP has no such operation: this is one HTTPS request to port 443 of the hub,
whatever --protocol says, and --trace does not show it.`,
		Example: `  send-c2d purge
  send-c2d purge --device-id myFirstDevice`,
		Args: console.Args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd.Context()) },
	}
	cmd.Flags().SortFlags = false
	addDeviceFlag(cmd.Flags(), &p.devices, "to remove the messages of")
	s.AddFlags(c, cmd, defaults.Address)
	return cmd
}

func (p *purger) run(ctx context.Context) error {
	ctx, cancel := p.settings.WithTimeout(ctx)
	defer cancel()
	if err := p.settings.Load(); err != nil {
		return err
	}
	hub, err := target(p.settings)
	if err != nil {
		return err
	}
	devices, err := chosenDevices(p.settings, hub, p.devices)
	if err != nil {
		return err
	}
	options, err := way(p.console, p.settings, hub)
	if err != nil {
		return err
	}
	p.report.prepare(p.console, p.settings)
	for _, device := range devices {
		n, err := iothub.Purge(ctx, hub, device, options)
		if err != nil {
			return console.Cause(ctx, fmt.Errorf("purge %s: %w", device, err))
		}
		if err := p.report.purged(device, n); err != nil {
			return err
		}
	}
	return nil
}
