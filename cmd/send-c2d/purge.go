package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// purgeFlags are the flags of the purge subcommand.
type purgeFlags struct {
	hub     console.HubFlags
	devices []string
}

func newPurgeCommand(c *console.Console) *cobra.Command {
	var flags purgeFlags
	cmd := &cobra.Command{
		Use:   "purge",
		Short: "Remove the messages that wait for a device",
		Long: `purge removes all messages that wait for a device, also those that it holds
unsettled. Their senders get the feedback Purged, if they have asked for any.

AMQP has no such operation: this is one HTTPS request to port 443 of the hub,
whatever --protocol says, and --trace does not show it.`,
		Example: `  send-c2d purge
  send-c2d purge --device-id myFirstDevice`,
		Args: c.Args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return purge(cmd.Context(), c, &flags) },
	}
	cmd.Flags().SortFlags = false
	addDeviceFlag(cmd.Flags(), &flags.devices, "to remove the messages of")
	flags.hub.Add(c, cmd, defaults.Address, console.EnvService, console.EnvServiceAlt)
	completeDevices(cmd, &flags.hub)
	return cmd
}

// purge empties the queues of devices.
func purge(ctx context.Context, c *console.Console, f *purgeFlags) error {
	target, err := newTarget(&f.hub)
	if err != nil {
		return err
	}
	devices, err := target.devices(f.devices)
	if err != nil {
		return err
	}
	options, err := target.options(ctx, c)
	if err != nil {
		return err
	}
	report := newReport(c)
	defer c.Phase(func() console.Waiting { return console.Waiting{For: iothub.ForAnswer} }).End()
	for _, device := range devices {
		n, err := iothub.Purge(ctx, target.hub, device, options)
		if err != nil {
			return console.Cause(ctx, fmt.Errorf("purge %s: %w", device, err))
		}
		if err := report.purged(device, n); err != nil {
			return err
		}
	}
	return nil
}
