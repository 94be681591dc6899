package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// monitorFlags are the flags of the feedback subcommand.
type monitorFlags struct {
	hub     console.HubFlags
	devices []string
	ids     []string
	count   console.Positive
	peek    bool
}

func newFeedbackCommand(c *console.Console) *cobra.Command {
	var flags monitorFlags
	cmd := &cobra.Command{
		Use:   "feedback",
		Short: "Print delivery feedback as it comes",
		Long: `feedback prints the hub's delivery feedback as it comes, until Ctrl-C.

All back ends of a hub share one queue of feedback. What is printed here is
taken off it, and no other program sees it; --peek leaves it there. The hub
sends records in batches: one that holds a record which is not asked for is left
there as a whole.`,
		Example: `  send-c2d feedback --peek
  send-c2d feedback --device-id myFirstDevice --count 1`,
		Args: c.Args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return monitorFeedback(cmd.Context(), c, &flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&flags.devices, "device-id", "d", nil, "only records of the device `ID` (repeat)")
	f.StringArrayVar(&flags.ids, "message-id", nil, "only the record of the message `ID` (repeat)")
	console.Alias(f, map[string]string{"mid": "message-id"})
	f.VarP(&flags.count, "count", "C", "stop after `N` records (or more: a batch is printed to its end)")
	f.BoolVar(&flags.peek, "peek", false, "leave all records for others")
	flags.hub.Add(c, cmd, defaults.Address, console.EnvService, console.EnvServiceAlt)
	completeDevices(cmd, &flags.hub)
	return cmd
}

// monitorFeedback prints feedback until there has been enough.
func monitorFeedback(ctx context.Context, c *console.Console, f *monitorFlags) error {
	if err := checkDevices(f.devices); err != nil {
		return err
	}
	target, err := newTarget(&f.hub)
	if err != nil {
		return err
	}
	options, err := target.options(ctx, c)
	if err != nil {
		return err
	}
	return target.monitor(ctx, c, options, f)
}

// monitor prints feedback until the flags say that it is enough.
func (t target) monitor(ctx context.Context, c *console.Console, options *iothub.Options, f *monitorFlags) error {
	service, err := t.connect(ctx, c, options)
	if err != nil {
		return console.Cause(ctx, err)
	}
	defer service.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all that matters has been confirmed
	m := &monitor{flags: f, report: newReport(c), seen: make(map[iothub.Feedback]bool)}
	reader := &feedbackReader{console: c, take: m.take, enough: m.enough}
	if err := reader.start(ctx, service); err != nil {
		return console.Cause(ctx, err)
	}
	defer reader.close()
	m.announce()
	defer c.Phase(console.WaitingClient(options.Progress)).End()
	err = reader.read(ctx)
	c.Note("Feedback records: %d.", m.shown)
	return console.Cause(ctx, err)
}

// monitor prints the records that the flags ask for.
type monitor struct {
	flags  *monitorFlags
	report *report
	shown  int
	seen   map[iothub.Feedback]bool // printed, but not taken off the hub: it may come again
}

func (m *monitor) enough() bool { return m.flags.count > 0 && m.shown >= int(m.flags.count) }

func (m *monitor) announce() {
	if m.flags.peek {
		m.report.console.Note("Waiting for feedback; Ctrl-C stops. The records stay, for other programs.")
		return
	}
	m.report.console.Note("Waiting for feedback; Ctrl-C stops. Note: records that are printed here are gone for other programs; --peek leaves them.")
}

// take prints the records that are asked for, and completes the batch if those
// are all of its records. It returns how many it leaves.
func (m *monitor) take(ctx context.Context, batch *iothub.FeedbackBatch) (left int, err error) {
	for _, f := range batch.Records {
		if m.flags.peek || !m.wants(f) {
			left++
		}
		if !m.wants(f) || m.seen[f] { // it was given back, and comes again
			continue
		}
		m.seen[f] = true
		m.shown++
		if err := m.report.record(f); err != nil {
			return left, err
		}
	}
	if left > 0 {
		return left, nil
	}
	gone, err := completeBatch(ctx, batch)
	if !gone {
		return len(batch.Records), err
	}
	m.forget(batch)
	return 0, nil
}

func (m *monitor) forget(batch *iothub.FeedbackBatch) {
	for _, f := range batch.Records {
		delete(m.seen, f)
	}
}

func (m *monitor) wants(f iothub.Feedback) bool {
	return wanted(m.flags.devices, f.DeviceID) && wanted(m.flags.ids, f.MessageID)
}

// wanted reports whether a filter lets v through.
func wanted(filter []string, v string) bool {
	return len(filter) == 0 || slices.Contains(filter, v)
}
