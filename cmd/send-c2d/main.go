// Command send-c2d connects to Azure IoT Hub as a back end, sends
// cloud-to-device messages and reports what became of them.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
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
that tells what became of each. The hub is that of IOTHUB_CONNECTION_STRING or
IOTHUB_HOST, else a local one at ` + defaults.Address + `. A message that the hub refuses
does not stop the others. The exit code is that of the worst.

In MESSAGE, ids and values of properties {{.N}} is the number of the message, from
0, {{.Device}} the device, {{.Now}} the time and {{.UUID}} a new UUID. The MESSAGE -
is standard input. What looks like a command or a key is sent only after --. The
names of flags in az are taken as well: --props 'K=V;K=V', --data,
--data-file-path, --login, --mid, --cid, --uid, --ct, --ce.`,
		Example: `  send-c2d "hello"                              # wait until the device has it
  send-c2d                                      # the tutorial's message
  send-c2d -p color=red --ttl 10m "hello"       # a property, and ten minutes to live
  tail -n 3 /etc/hosts | send-c2d --lines       # a message for each line
  send-c2d -d 'device-{0..99}' "hello"          # a message to each of many devices`,
		Args: c.Args(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.messages.takeArgument(c, cmd, args); err != nil {
				return err
			}
			return run(cmd.Context(), c, &f)
		},
	}
	f.add(c, cmd)
	completeDevices(cmd, &f.hub)
	cmd.AddCommand(newFeedbackCommand(c), newPurgeCommand(c), newQueueCommand(c))
	return cmd
}

// run is the tutorial's SendCloudToDeviceMessage.py.
func run(ctx context.Context, c *console.Console, f *sendFlags) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	plan, err := f.plan(ctx, c)
	if err != nil {
		return err
	}
	if f.dryRun {
		return newReport(c).dryRun(ctx, plan.messages)
	}
	console.UseOneProcessor()
	options, err := plan.target.options(ctx, c)
	if err != nil {
		return err
	}
	stop := func(err error) { end(console.Cause(ctx, err)) } // the first failure ends all the rest
	err = plan.carryOut(ctx, c, options, stop)
	if failure := plan.ledger.write(c); failure != nil {
		if err == nil {
			return failure
		}
		c.Report(failure)
	}
	return err
}

// carryOut connects, asks for feedback, sends, waits for the feedback and reports.
// It calls stop, which ends ctx, with an error that makes the rest of no use.
func (p *plan) carryOut(ctx context.Context, c *console.Console, options *iothub.Options, stop func(error)) error {
	report := newReport(c)
	report.ledger = p.ledger
	report.plan(p.messages.planned(), p.pace.rate)
	options.Throttled = report.throttled
	service, err := p.target.connect(ctx, c, options)
	if err != nil {
		return console.Cause(ctx, err)
	}
	defer service.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all that matters has been confirmed
	rooms := newRooms(c, p.pace)
	feedback, err := p.askForFeedback(ctx, service, options.Progress, report, rooms.freed, stop)
	if err != nil {
		return console.Cause(ctx, err)
	}
	defer feedback.stop()
	stopProgress := c.ShowProgress(func() string { return report.progress(feedback.unanswered()) })
	s := &sender{
		service: service, progress: options.Progress, messages: p.messages,
		feedback: feedback, report: report, pace: p.pace, rooms: rooms,
		missing: newTargets(p.messages.targets()),
	}
	err = s.sendAll(ctx, stop)
	if err == nil {
		err = feedback.await(ctx, p.wait)
	}
	stopProgress()
	report.summary(feedback.unanswered(), service.Resent())
	if ctx.Err() != nil && err != nil {
		return console.Cause(ctx, err)
	}
	return report.result(err)
}
