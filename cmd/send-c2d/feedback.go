package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// monitor is the feedback subcommand: it prints feedback as it comes.
type monitor struct {
	console  *console.Console
	settings *console.Settings
	devices  []string
	ids      []string
	count    int
	peek     bool
	report   report
	shown    int
	seen     map[iothub.Feedback]bool // shown, and maybe to come again
}

func newFeedbackCommand(c *console.Console, s *console.Settings) *cobra.Command {
	m := &monitor{console: c, settings: s}
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
		Args: console.Args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return m.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&m.devices, "device-id", "d", nil, "only records of the device `ID` (repeat)")
	f.StringArrayVar(&m.ids, "message-id", nil, "only the record of the message `ID` (repeat)")
	f.SetNormalizeFunc(shortNames)
	f.IntVarP(&m.count, "count", "C", 0, "stop after `N` records (or more: a batch is printed to its end)")
	f.BoolVar(&m.peek, "peek", false, "leave all records for others")
	s.AddFlags(c, cmd, defaults.Address)
	return cmd
}

func (m *monitor) run(ctx context.Context) error {
	ctx, cancel := m.settings.WithTimeout(ctx)
	defer cancel()
	if m.count < 0 {
		return console.Usagef("--count takes a positive number")
	}
	if err := checkDevices(m.devices); err != nil {
		return err
	}
	if err := m.settings.Load(); err != nil {
		return err
	}
	hub, err := target(m.settings)
	if err != nil {
		return err
	}
	m.report.prepare(m.console, m.settings)
	m.seen = make(map[iothub.Feedback]bool)
	service, err := connect(ctx, m.console, m.settings, hub)
	if err != nil {
		return console.Cause(ctx, err)
	}
	defer service.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all that matters has been confirmed
	reader, err := newReader(ctx, service, m.take)
	if err != nil {
		return console.Cause(ctx, err)
	}
	defer reader.leave()
	reader.enough = func() bool { return m.count > 0 && m.shown >= m.count }
	m.announce()
	err = reader.read(ctx)
	m.console.Note("Feedback records: %d.", m.shown)
	return console.Cause(ctx, err)
}

func (m *monitor) announce() {
	if m.peek {
		m.console.Note("Waiting for feedback; Ctrl-C stops. The records stay, for other programs.")
		return
	}
	m.console.Note("Waiting for feedback; Ctrl-C stops. Note: records that are printed here are gone for other programs; --peek leaves them.")
}

// take prints the records that are asked for, and completes the batch if that
// was all of it.
func (m *monitor) take(ctx context.Context, batch *iothub.FeedbackBatch) (left int, err error) {
	for _, f := range batch.Records {
		if m.peek || !m.wants(f) {
			left++
		}
		if !m.wants(f) || m.seen[f] { // given back, it comes again
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
	gone, err := complete(ctx, batch)
	if gone {
		m.forget(batch)
	}
	return 0, err
}

func (m *monitor) forget(batch *iothub.FeedbackBatch) {
	for _, f := range batch.Records {
		delete(m.seen, f)
	}
}

func (m *monitor) wants(f iothub.Feedback) bool {
	return wanted(m.devices, f.DeviceID) && wanted(m.ids, f.MessageID)
}

// wanted reports whether a filter lets v through.
func wanted(filter []string, v string) bool {
	return len(filter) == 0 || slices.Contains(filter, v)
}
