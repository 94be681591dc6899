// Command send-c2d connects to Azure IoT Hub as a back end, sends
// cloud-to-device messages and reports what became of them.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub/defaults"
)

func main() {
	os.Exit(console.Run("send-c2d", newCommand))
}

func newCommand(c *console.Console) *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use:     "send-c2d [MESSAGE]",
		Version: console.Version(),
		Short:   "Send cloud-to-device messages through Azure IoT Hub",
		Long: `send-c2d sends cloud-to-device messages to a device and waits for the feedback
that tells what became of each.

MESSAGE, the ids and the values of properties may differ from one message to the
next: {{.N}} is its number, from 0, {{.Device}} the device, {{.Now}} the time and
{{.UUID}} a new UUID. A message that is also the name of a command goes after --,
as in: send-c2d -- feedback

Give it the service connection string of the hub in IOTHUB_CONNECTION_STRING or
in a .env file. Without one it looks for a local hub on ` + defaults.Address + `, such as
simulated-device brings.`,
		Example: `  send-c2d "hello"                              # wait until the device has it
  send-c2d                                      # the tutorial's message
  send-c2d -p color=red --ttl 10m "hello"       # a property, and ten minutes to live
  tail -n 3 /etc/hosts | send-c2d --lines       # a message for each line
  send-c2d --count 5 'number {{.N}}'            # several at once`,
		Args: console.Args(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.messages.arguments = args
			return run(cmd.Context(), c, &f)
		},
	}
	f.add(c, cmd)
	cmd.AddCommand(newFeedbackCommand(c), newPurgeCommand(c))
	return cmd
}

// run is the tutorial's SendCloudToDeviceMessage.py: it connects, asks for
// feedback, sends, waits for the feedback and reports.
func run(ctx context.Context, c *console.Console, f *sendFlags) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	stop := func(err error) { end(console.Cause(ctx, err)) } // the first failure ends all the rest

	plan, err := f.plan(ctx, c)
	if err != nil {
		return err
	}
	report := newReport(c)
	if f.dryRun {
		return report.dryRun(ctx, plan.messages)
	}
	service, err := plan.target.connect(ctx, c)
	if err != nil {
		return console.Cause(ctx, err)
	}
	defer service.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all that matters has been confirmed

	feedback, err := plan.askForFeedback(ctx, service, report, stop)
	if err != nil {
		return console.Cause(ctx, err)
	}
	defer feedback.stop()
	stopProgress := c.ShowProgress(report.progress)
	s := &sender{service: service, feedback: feedback, report: report, pace: plan.pace}
	err = s.sendAll(ctx, plan.messages, stop)
	if err == nil {
		err = feedback.await(ctx, plan.wait)
	}
	stopProgress()
	report.summary(feedback.outstanding(), service.Resent())
	if err != nil {
		return console.Cause(ctx, err)
	}
	return report.result()
}
