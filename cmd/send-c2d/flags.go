package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// sendFlags are the flags of send-c2d.
type sendFlags struct {
	hub      console.HubFlags
	messages messageFlags

	interval, retryQueueFull, feedbackTimeout console.Duration

	inFlight       console.Positive
	rate           console.Rate
	failedOut      string
	noWait, dryRun bool
}

// defaultFeedbackTimeout is the longest that feedback takes if the device is
// connected: another reader that stopped may have held it for the time of a lock,
// 60 s, and Azure collects it for up to 15 s.
const defaultFeedbackTimeout = 90 * time.Second

func (f *sendFlags) add(c *console.Console, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	f.messages.add(flags)
	console.Group(flags, "Message")
	flags.Var(&f.interval, "interval", "wait this long before each further message")
	flags.Var(&f.rate, "rate", "send `N` messages per second at most, such as 1.6: an S1 hub takes 100 per minute and unit")
	flags.BoolVar(&f.noWait, "no-wait", false, "do not wait for feedback, nor ask for it unless --ack, or a line of --jsonl, does")
	f.feedbackTimeout = console.Duration(defaultFeedbackTimeout)
	flags.Var(&f.feedbackTimeout, "feedback-timeout", "wait this long for the last feedback, then exit with code 124 (0: for ever)")
	flags.Var(&f.retryQueueFull, "retry-queue-full", "how long a device with a full queue may take no message (0: fail at once; default 10s, and 1m once it has taken one)")
	flags.Var(&f.inFlight, "in-flight", "`N` messages may await the hub's answer at once; above 1 their order may change (default 1, or 16 to send one message to each of several devices)")
	flags.StringVar(&f.failedOut, "failed-out", "", "at the end, write the devices that have not got all to `FILE`, for --devices-file (empty if there are none)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show the messages, send nothing")
	console.Group(flags, "Sending")
	f.hub.Add(c, cmd, defaults.Address, console.EnvService, console.EnvServiceAlt)
}

func addDeviceFlag(f *pflag.FlagSet, ids *[]string, use string) {
	f.StringArrayVarP(ids, "device-id", "d", nil, "device `ID` "+use+" (repeat; default IOTHUB_DEVICE_ID, or "+defaults.DeviceID+" on the local hub)")
}

// plan is what a run of send-c2d does: the flags and settings, checked.
type plan struct {
	target   target
	messages *source
	pace     pace
	feedback bool // it is waited for
	wait     feedbackWait
	ledger   *ledger
}

// plan returns what the flags ask for. It reads the settings and the body, if
// there is one body for all messages.
func (f *sendFlags) plan(ctx context.Context, c *console.Console) (*plan, error) {
	if err := f.messages.adoptAck(); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	t, err := newTarget(&f.hub)
	if err != nil {
		return nil, err
	}
	m := f.messages
	if f.noWait && !f.messages.given("ack") {
		m.ack = iothub.AckNone // nobody would read it
	}
	if m.devices, err = m.namedDevices(ctx, c); err != nil {
		return nil, err
	}
	m.devices, err = t.devices(m.devices)
	if errors.Is(err, errNoDevice) && m.jsonLines {
		m.devices, err = []string{""}, nil // the lines may name their devices
	}
	if err != nil {
		return nil, err
	}
	messages, err := newSource(ctx, c, m)
	if err != nil {
		return nil, err
	}
	m.noteProperties(c)
	ledger, err := newLedger(f.failedOut, messages)
	if err != nil {
		return nil, err
	}
	return &plan{
		target: t, ledger: ledger, messages: messages,
		pace: pace{
			time.Duration(f.interval), f.patience(), cmp.Or(int(f.inFlight), messages.inFlight()),
			newRate(float64(f.rate)),
		},
		feedback: !f.noWait && (m.ack != iothub.AckNone || m.jsonLines && !m.given("ack")),
		wait:     feedbackWait{time.Duration(f.feedbackTimeout), m.ack},
	}, nil
}

// patience returns how long to wait for room in a full queue.
func (f *sendFlags) patience() patience {
	if f.messages.given("retry-queue-full") {
		limit := time.Duration(f.retryQueueFull)
		return patience{limit, limit}
	}
	return defaultPatience
}

func (f *sendFlags) check() error {
	switch waits := f.messages.given("feedback-timeout"); {
	case waits && f.noWait:
		return console.Usagef("--no-wait and --feedback-timeout exclude each other")
	case waits && f.messages.ack == iothub.AckNone:
		return console.Usage(errors.New("--ack none asks for no feedback, so there is nothing to wait for"),
			"leave out --feedback-timeout, or use --ack full")
	case f.rate > 0 && f.interval > 0:
		return console.Usagef("--rate and --interval exclude each other")
	case f.messages.given("ttl") && f.messages.ttl == 0:
		return console.Usagef("--ttl 0 lets no message live")
	}
	return nil
}
