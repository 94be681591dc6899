// Command simulated-device connects to Azure IoT Hub as a device, prints each
// cloud-to-device message and settles it. Without a connection string it brings
// its own local hub.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

func main() {
	os.Exit(console.Run("simulated-device", newCommand))
}

func newCommand(c *console.Console) *cobra.Command {
	var f deviceFlags
	cmd := &cobra.Command{
		Use:     "simulated-device",
		Version: console.Version(),
		Short:   "Receive cloud-to-device messages as an Azure IoT Hub device",
		Long: `simulated-device connects to Azure IoT Hub as a device, prints each
cloud-to-device message and settles it.

Give it the device's connection string in IOTHUB_DEVICE_CONNECTION_STRING or in
a .env file. Without one it serves a local hub on ` + defaults.Address + ` and connects
to that, so that everything can be tried without an Azure account.

Values that are no text have a text of their own: times in RFC 3339, bytes in
base64, lists and maps as JSON. -v and --output json tell their types, and for
--exec $C2D_TYPES does. A message that cannot be read is shown as far as it can
be, and rejected.`,
		Example: `  simulated-device                    # then, in another terminal: send-c2d "hello"
  simulated-device --count 1          # stop after one message
  simulated-device --settle reject    # see what the sender is told`,
		Args: c.Args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), c, &f) },
	}
	f.add(c, cmd)
	console.Complete(cmd, "device-id", console.DeviceCompletion(f.completeDevices))
	console.Complete(cmd, "settle-rule", completeRule)
	cmd.AddCommand(newHubCommand(c))
	return cmd
}

// run is the tutorial's SimulatedDevice.py: it connects, receives and settles
// until there is a reason to stop, and prints the totals.
func run(ctx context.Context, c *console.Console, f *deviceFlags) error {
	settings, r, err := f.read(c)
	if err != nil {
		return err
	}
	if f.devices > 0 {
		return runFleet(ctx, c, f, settings, r)
	}
	cs, hub, err := f.target(ctx, c, settings)
	if err != nil {
		return err
	}
	defer hub.stop(ctx)
	if hub == nil {
		console.UseOneProcessor()
	}
	device, err := f.connect(ctx, c, settings, cs, r)
	if err != nil {
		return console.Cause(ctx, err)
	}
	c.Note("Waiting for messages for device %s; Ctrl-C stops.", cs.DeviceID)
	return r.attend(ctx, c, device, hub)
}

// attend receives until there is a reason to stop, prints the totals and disconnects.
// hub is the one that this process serves, nil if it is another.
func (r *receiver) attend(ctx context.Context, c *console.Console, device source, hub *ownHub) error {
	stopProgress := c.ShowProgress(func() string { return r.print.progress(r.count) })
	err := console.Cause(ctx, r.receive(ctx, device))
	stopProgress()
	err = errors.Join(err, r.print.summary())
	disconnect(c, device)
	if errors.Is(err, iothub.ErrDisplaced) && hub != nil {
		return hub.serveOn(ctx)
	}
	return err
}
