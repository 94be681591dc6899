package main

import (
	"context"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// completeDevices makes shells complete the devices of a local hub. Nobody expects
// the tab key to ask one in Azure, nor to run a command that prints tokens.
func completeDevices(cmd *cobra.Command, flags *console.HubFlags) {
	console.Complete(cmd, "device-id", console.DeviceCompletion(func(ctx context.Context) ([]iothub.DeviceState, error) {
		t, err := newTarget(flags)
		if err != nil || !t.hub.UseDevelopmentEmulator || t.settings.UsesEntra() {
			return nil, err
		}
		return iothub.Devices(ctx, t.hub, console.MostCompletions, nil)
	}))
}
