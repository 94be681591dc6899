// Command simulated-device connects to Azure IoT Hub as a device, prints each
// cloud-to-device message and settles it. Without a connection string it brings
// its own local hub.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub/defaults"
)

func main() {
	os.Exit(console.Run("simulated-device", newCommand))
}

func newCommand(c *console.Console) *cobra.Command {
	r := &receiver{console: c}
	cmd := &cobra.Command{
		Use:   "simulated-device",
		Short: "Receive cloud-to-device messages as an Azure IoT Hub device",
		Long: `simulated-device connects to Azure IoT Hub as a device, prints each
cloud-to-device message and settles it.

Give it the device's connection string in IOTHUB_DEVICE_CONNECTION_STRING or in
a .env file. Without one it serves a local hub on ` + defaults.Address + ` and connects
to that, so that everything can be tried without an Azure account.`,
		Example: `  simulated-device                    # then, in another terminal: send-c2d "hello"
  simulated-device --count 1          # stop after one message
  simulated-device --settle reject    # see what the sender is told`,
		Args: console.Args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	r.addFlags(cmd)
	r.settings.AddFlags(c, cmd, defaults.Address)
	cmd.AddCommand(newHubCommand(c, &r.settings))
	return cmd
}
