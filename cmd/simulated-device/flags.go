package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub/defaults"
)

// deviceFlags are the flags of simulated-device.
type deviceFlags struct {
	hub      console.HubFlags
	deviceID string
	devices  console.Positive // 0: the run is one device, not a fleet
	count    console.Positive
	idle     console.Duration
	prefetch console.Positive
	files    certificateFiles
	settle   settleFlags
	print    printFlags
	given    func(name string) bool // whether a flag is on the command line
}

// settleFlags say what becomes of messages.
type settleFlags struct {
	otherwise outcome
	rules     []string
	delay     console.Duration
	exec      string
	execFail  outcome
}

// printFlags say how messages are shown.
type printFlags struct {
	format string
	dump   string
}

func (f *deviceFlags) add(c *console.Console, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	f.given = flags.Changed
	flags.StringVarP(&f.deviceID, "device-id", "d", "", "device `ID` to be, on the local hub (default "+defaults.DeviceID+"); with --devices, a template (default "+defaultTemplate+")")
	flags.Var(&f.devices, "devices", "be `N` devices, by the connection string of a policy with device connect; {{.N}} in --device-id is the number of each, from 0; --exec runs one command at a time for all of them, and locks go on meanwhile")
	f.hub.Policy = func() bool { return f.devices > 0 }
	flags.VarP(&f.count, "count", "C", "stop after `N` settled messages")
	flags.Var(&f.idle, "exit-when-idle", "stop after this long without a message, while connected (0: never)")
	flags.Var(&f.prefetch, "prefetch", "messages (`N`) to hold at once; the lock of each is running (default 50; 10 of each with --devices; 1 with --exec or --settle-delay, 1000 to leave some unsettled)")
	console.Group(flags, "Receiving")
	f.settle.add(flags)
	console.Group(flags, "Settling")
	f.print.add(flags)
	f.files.add(flags)
	f.hub.Add(c, cmd, defaults.Address, console.EnvDevice)
}

func (s *settleFlags) add(f *pflag.FlagSet) {
	s.otherwise, s.execFail = complete, abandon
	f.Var(console.Choice(&s.otherwise, complete, abandon, reject, none), "settle", "what to do with messages: complete, abandon, reject or none")
	f.StringArrayVar(&s.rules, "settle-rule", nil, "`PROP=VALUE:OUTCOME` for messages with that property (repeat; the first match wins)")
	f.Var(&s.delay, "settle-delay", "take this long over each message; beyond its lock of 60s the hub delivers it again")
	f.StringVar(&s.exec, "exec", "", "run `CMD` for each message that no rule is about, with the body on stdin and $C2D_MESSAGE_ID, $C2D_PROPERTY_name and so on; complete it if that exits 0")
	f.Var(console.Choice(&s.execFail, abandon, reject), "exec-fail", "what to do if not: abandon or reject")
}

func (p *printFlags) add(f *pflag.FlagSet) {
	f.StringVarP(&p.format, "format", "F", "", "print each message by this Go `TEMPLATE`, such as '{{.MessageID}} {{.Payload}}'")
	f.StringVar(&p.dump, "dump", "", "write each body to a new file in `DIR`: 000000, 000001, ...")
}

// read checks everything that needs no hub. It returns the settings and the
// receiver that the flags describe.
func (f *deviceFlags) read(c *console.Console) (*console.Settings, *receiver, error) {
	if err := f.check(c); err != nil {
		return nil, nil, err
	}
	settings, err := f.hub.Settings()
	if err != nil {
		return nil, nil, err
	}
	printer, err := newPrinter(c, f.print)
	if err != nil {
		return nil, nil, err
	}
	printer.fleet = f.devices > 0
	settle, err := newSettler(c, f.settle, printer.commandOutput())
	if err != nil {
		return nil, nil, err
	}
	return settings, &receiver{count: int(f.count), idle: &idleClock{limit: time.Duration(f.idle)}, settle: settle, print: printer}, nil
}

// check refuses flags that contradict each other, or do nothing.
func (f *deviceFlags) check(c *console.Console) error {
	const decides = "the command decides: it completes the message by exit code 0, and --exec-fail says what else"
	switch {
	case f.given("exec") && f.given("settle"):
		return console.Usage(errors.New("--exec and --settle exclude each other"), decides)
	case f.given("exec-fail") && !f.given("exec"):
		return console.Usage(errors.New("--exec-fail without --exec has no command to fail"), "add --exec CMD, or use --settle")
	case f.devices > 0 && f.given("settle-delay"):
		return console.Usage(errors.New("--settle-delay would hold up all --devices"), "leave one out, or start a process for each slow device")
	case f.devices > 0 && (f.given("cert") || f.given("key")):
		return console.Usage(errors.New("--cert and --key are one device's, not a fleet's"), "leave out --devices, or the certificate")
	case f.print.format != "" && c.Output == console.OutputJSON:
		return console.Usage(errors.New("--format and --output json exclude each other"), "leave one out: both say what a message looks like")
	}
	return nil
}
