package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// queueFlags are the flags of the queue subcommand.
type queueFlags struct {
	hub     console.HubFlags
	devices []string
	all     bool
}

func newQueueCommand(c *console.Console) *cobra.Command {
	var flags queueFlags
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "Show how many messages wait for a device",
		Long: `queue shows how many messages wait for a device, those included that it holds
unsettled, whether the device is enabled, and whether it is connected.

This is in the registry of the hub. A policy that may read it has the permission
registry read, as registryRead and iothubowner have; service connect is not enough.
With Microsoft Entra ID it takes a role such as IoT Hub Data Reader.

AMQP has no such operation: this is one HTTPS request for each device to port 443
of the hub, whatever --protocol says, and --trace does not show it.`,
		Example: `  send-c2d queue
  send-c2d queue --all --output json`,
		Args: c.Args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return showQueues(cmd.Context(), c, &flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	addDeviceFlag(f, &flags.devices, "to show the queue of")
	f.BoolVar(&flags.all, "all", false, fmt.Sprintf("show all devices of the hub, %d at most", iothub.MostDevices))
	flags.hub.Add(c, cmd, defaults.Address, console.EnvService, console.EnvServiceAlt)
	completeDevices(cmd, &flags.hub)
	return cmd
}

// showQueues shows the queues of devices.
func showQueues(ctx context.Context, c *console.Console, f *queueFlags) error {
	if f.all && len(f.devices) > 0 {
		return console.Usagef("--all and --device-id exclude each other")
	}
	target, err := newTarget(&f.hub)
	if err != nil {
		return err
	}
	var devices []string
	if !f.all {
		if devices, err = target.devices(f.devices); err != nil {
			return err
		}
	}
	options, err := target.options(ctx, c)
	if err != nil {
		return err
	}
	phase := c.Phase(func() console.Waiting { return console.Waiting{For: iothub.ForAnswer} })
	defer phase.End()
	if f.all {
		err = target.showAll(ctx, c, options)
	} else {
		err = target.showEach(ctx, c, options, devices, phase)
	}
	return console.Cause(ctx, err)
}

// showEach shows the devices one by one. It goes on if one is unknown.
func (t target) showEach(ctx context.Context, c *console.Console, options *iothub.Options, devices []string, phase *console.Phase) (result error) {
	table := newQueueTable(c, devices)
	for _, id := range devices {
		d, err := iothub.ReadDevice(ctx, t.hub, id, options)
		phase.Progress()
		if err == nil {
			err = table.add(d)
		}
		if err != nil {
			err = fmt.Errorf("queue of %s: %w", id, explainRegistry(err))
		}
		switch {
		case err != nil && !errors.Is(err, iothub.ErrNotFound):
			return err
		case err != nil && result == nil:
			c.Report(err)
			result = console.Exit(console.ExitRefused)
		case err != nil:
			c.Say("%s: %v", c.Name, err)
		}
	}
	return result
}

// showAll shows the devices that the hub lists.
func (t target) showAll(ctx context.Context, c *console.Console, options *iothub.Options) error {
	list, err := iothub.Devices(ctx, t.hub, iothub.MostDevices, options)
	if err != nil {
		return fmt.Errorf("list the devices: %w", explainRegistry(err))
	}
	var ids []string
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	table := newQueueTable(c, ids)
	for _, d := range list {
		if err := table.add(d); err != nil {
			return err
		}
	}
	if len(list) == iothub.MostDevices {
		c.Note("A hub lists %d devices at most. If it has more, name them with --device-id.", iothub.MostDevices)
	}
	return nil
}

const hintRegistry = "check that the key belongs to this hub, and that its policy has registry read, as registryRead and iothubowner have; with Microsoft Entra ID, that the owner of the token has a role such as IoT Hub Data Reader"

// explainRegistry adds to a refusal what it takes to read the registry.
func explainRegistry(err error) error {
	if errors.Is(err, iothub.ErrUnauthorized) {
		return console.Fail(err, console.ExitAuth, hintRegistry)
	}
	return err
}
