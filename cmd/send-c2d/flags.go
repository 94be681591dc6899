package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

	inFlight       int
	noWait, dryRun bool
	given          func(name string) bool // whether a flag is on the command line
}

// messageFlags are those that describe the messages.
type messageFlags struct {
	arguments []string // MESSAGE, if it is given
	devices   []string
	module    string
	file      string
	lines     bool
	jsonLines bool
	base64    bool
	count     int

	id, correlation, user        string
	contentType, contentEncoding string
	properties                   []string
	ttl                          console.Duration
	expiry                       string
	ack                          iothub.Ack
}

// defaultFeedbackTimeout is the longest that feedback takes if the device is
// connected: another reader that stopped may have held it for the time of a lock,
// 60 s, and Azure collects it for up to 15 s.
const defaultFeedbackTimeout = 90 * time.Second

func (f *sendFlags) add(c *console.Console, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	f.given = flags.Changed
	f.messages.add(flags)
	flags.Var(&f.interval, "interval", "wait this long before each further message")
	flags.BoolVar(&f.noWait, "no-wait", false, "do not wait for feedback")
	f.feedbackTimeout = console.Duration(defaultFeedbackTimeout)
	flags.Var(&f.feedbackTimeout, "feedback-timeout", "wait this long for the last feedback, then exit with code 124 (0: for ever)")
	flags.Var(&f.retryQueueFull, "retry-queue-full", "wait up to this long for room in a full queue")
	flags.IntVar(&f.inFlight, "in-flight", 1, "`N` messages may await the hub's answer at once")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show the messages, send nothing")
	f.hub.Add(c, cmd, defaults.Address)
}

func (m *messageFlags) add(f *pflag.FlagSet) {
	addDeviceFlag(f, &m.devices, "to send to")
	f.StringVar(&m.module, "module-id", "", "send to the module `ID` of the device")
	f.StringVarP(&m.file, "file", "f", "", "read the body from `PATH` (-: standard input)")
	f.BoolVarP(&m.lines, "lines", "l", false, "send each line of standard input, or of --file; a blank one is an empty message")
	f.BoolVar(&m.jsonLines, "jsonl", false, "each line is a whole message as JSON, as --output json of simulated-device prints it")
	f.BoolVar(&m.base64, "base64", false, "the body, or each line, is base64")
	f.IntVarP(&m.count, "count", "C", 0, "send `N` messages (default 1, or all lines)")
	f.StringArrayVarP(&m.properties, "property", "p", nil, "application property `K=V` (repeat)")
	f.StringVar(&m.id, "message-id", "", "message `ID` (default a new UUID for each)")
	f.StringVar(&m.correlation, "correlation-id", "", "correlation `ID`")
	f.StringVar(&m.user, "user-id", "", "user `ID`")
	f.StringVar(&m.contentType, "content-type", "", "media `TYPE`, such as application/json")
	f.StringVar(&m.contentEncoding, "content-encoding", "", "`NAME`, such as utf-8")
	f.Var(&m.ttl, "ttl", "how long the message lives (default the hub's, usually 1h)")
	f.StringVar(&m.expiry, "expiry", "", "when it expires: `TIME` in RFC 3339, or milliseconds since 1970")
	m.ack = iothub.AckFull
	f.Var(console.Choice(&m.ack, iothub.AckFull, iothub.AckPositive, iothub.AckNegative, iothub.AckNone), "ack", "feedback to ask for: full, positive, negative or none")
	f.SetNormalizeFunc(azNames)
}

func addDeviceFlag(f *pflag.FlagSet, ids *[]string, use string) {
	f.StringArrayVarP(ids, "device-id", "d", nil, "device `ID` "+use+" (repeat; default IOTHUB_DEVICE_ID, or "+defaults.DeviceID+" on the local hub)")
}

// azNames lets flags be given by their names in the Azure CLI.
func azNames(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	aliases := map[string]string{
		"mid": "message-id", "cid": "correlation-id", "uid": "user-id",
		"ct": "content-type", "ce": "content-encoding",
	}
	return pflag.NormalizedName(cmp.Or(aliases[name], name))
}

// plan is what a run of send-c2d does: the flags and settings, checked.
type plan struct {
	target   target
	messages *source
	pace     pace
	feedback bool // it is waited for
	wait     feedbackWait
}

// plan returns what the flags ask for. It reads the settings and the body, if
// there is one body for all messages.
func (f *sendFlags) plan(ctx context.Context, c *console.Console) (*plan, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	t, err := newTarget(&f.hub)
	if err != nil {
		return nil, err
	}
	m := f.messages
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
	return &plan{
		target: t, messages: messages,
		pace:     pace{time.Duration(f.interval), time.Duration(f.retryQueueFull), f.inFlight},
		feedback: !f.noWait && (m.ack != iothub.AckNone || m.jsonLines),
		wait:     feedbackWait{time.Duration(f.feedbackTimeout), m.ack},
	}, nil
}

func (f *sendFlags) check() error {
	switch waits := f.given("feedback-timeout"); {
	case f.inFlight < 1:
		return console.Usagef("--in-flight takes a positive number")
	case waits && f.noWait:
		return console.Usagef("--no-wait and --feedback-timeout exclude each other")
	case waits && f.messages.ack == iothub.AckNone:
		return console.Usage(errors.New("--ack none asks for no feedback, so there is nothing to wait for"),
			"leave out --feedback-timeout, or use --ack full")
	case f.given("ttl") && f.messages.ttl == 0:
		return console.Usagef("--ttl 0 lets no message live")
	}
	return nil
}

func (m *messageFlags) check() error {
	switch {
	case m.count < 0:
		return console.Usagef("--count takes a positive number")
	case m.lines && m.jsonLines:
		return console.Usagef("--lines and --jsonl exclude each other")
	case m.base64 && m.jsonLines:
		return console.Usage(errors.New("--base64 and --jsonl exclude each other"), `a line says it itself: "payloadEncoding":"base64"`)
	case len(m.arguments) > 0 && (m.file != "" || m.lines || m.jsonLines):
		return console.Usagef("the message is given twice: as an argument and as input")
	case m.ttl > 0 && m.expiry != "":
		return console.Usagef("--ttl and --expiry exclude each other")
	}
	if m.module != "" {
		if err := console.CheckModuleID(m.module); err != nil {
			return err
		}
	}
	return m.checkProperties()
}

func (m *messageFlags) checkProperties() error {
	given := make(map[string]bool)
	for _, p := range m.properties {
		name, _, ok := strings.Cut(p, "=")
		switch {
		case !ok || name == "":
			return console.Usagef("--property %q is not K=V", p)
		case given[name]:
			return console.Usagef("--property %s is given twice", name)
		}
		given[name] = true
	}
	return nil
}

// parseExpiry reads a time, which must be in the future.
func parseExpiry(text string, now time.Time) (t time.Time, err error) {
	example := "for example --expiry " + now.Add(time.Hour).UTC().Format(time.RFC3339) + ", or --ttl 1h"
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		t = time.UnixMilli(ms)
	} else if t, err = time.Parse(time.RFC3339, text); err != nil {
		return t, console.Usage(fmt.Errorf("--expiry %q is neither RFC 3339 nor milliseconds since 1970", text), example)
	}
	if !t.After(now) {
		return t, console.Usage(fmt.Errorf("--expiry: %s is in the past", t.UTC().Format(time.RFC3339)), example)
	}
	return t, nil
}
