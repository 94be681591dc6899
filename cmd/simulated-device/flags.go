package main

import (
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
	count    int
	idle     console.Duration
	prefetch int
	files    certificateFiles
	settle   settleFlags
	print    printFlags
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
	flags.StringVarP(&f.deviceID, "device-id", "d", "", "device `ID` to be, on the local hub (default "+defaults.DeviceID+")")
	flags.IntVarP(&f.count, "count", "C", 0, "stop after `N` settled messages")
	flags.Var(&f.idle, "exit-when-idle", "stop after this long without a message, while connected")
	flags.IntVar(&f.prefetch, "prefetch", 0, "messages to hold at once; the lock of each is running (default 10; 1 with --exec or --settle-delay, 1000 to leave some unsettled)")
	f.files.add(flags)
	f.settle.add(flags)
	f.print.add(flags)
	f.hub.Add(c, cmd, defaults.Address)
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
	if f.count < 0 || f.prefetch < 0 {
		return nil, nil, console.Usagef("--count and --prefetch take a positive number")
	}
	settings, err := f.hub.Settings()
	if err != nil {
		return nil, nil, err
	}
	printer, err := newPrinter(c, f.print)
	if err != nil {
		return nil, nil, err
	}
	settle, err := newSettler(c, f.settle, printer.commandOutput())
	if err != nil {
		return nil, nil, err
	}
	return settings, &receiver{count: f.count, idle: &idleClock{limit: time.Duration(f.idle)}, settle: settle, print: printer}, nil
}
