// Package console is what both binaries share at the terminal: where settings
// come from, where output goes, what an exit code means and which hint goes
// with an error.
package console

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Console is one run of a program at a terminal, or in a script. Data goes to
// Out, everything else to Err.
type Console struct {
	Name        string
	CommandLine []string // the arguments of the program
	In          io.Reader
	Out         io.Writer
	Err         io.Writer

	// The flags that every command has. See AddFlags.
	Output  Output // empty: text
	Quiet   bool   // print data and errors only
	Verbose bool
	Color   Color
	Timeout Duration // of the whole run; 0: none

	out      io.Writer // Out, but see boundedWriter; nil: Out itself
	progress *progress // on Err; nil: it is never shown

	outTint, errTint tint   // of Out and Err
	watch            watch  // over what the run waits for
	outage           outage // that goes on
	far              bool   // the hub is not on this machine
	entra            bool   // the run logs in with Microsoft Entra ID
}

// AddFlags registers the flags that every command has. What happens after the
// timeout differs between commands.
func (c *Console) AddFlags(cmd *cobra.Command, timeout string) {
	f := cmd.Flags()
	Group(f, "Flags")
	f.BoolVarP(&c.Quiet, "quiet", "q", false, "print data and errors only")
	f.BoolVarP(&c.Verbose, "verbose", "v", false, "print more: about messages, and on standard error about the connection")
	c.Color = ColorAuto
	f.Var(Choice(&c.Color, ColorAuto, ColorAlways, ColorNever), "color", "colour outcomes: auto (on a terminal without NO_COLOR), always or never")
	f.VarP(&c.Timeout, "timeout", "W", timeout)
	Group(f, "Output")
}

// exitTimeout is how long a command may go on after a signal. It needs two
// seconds at most to close its connections, but a read or a write may block for
// ever.
const exitTimeout = 5 * time.Second

// Run executes the command that build returns with the process's arguments and
// streams. It returns the exit code.
//
// The first SIGINT, SIGTERM or SIGHUP ends the command's context, and so does --timeout.
// Then the command settles the messages that it holds and prints its totals. The
// second signal ends the process, and so does exitTimeout. A closed output is an
// error of writing like any other, and not the end of the process, for the same
// reason.
func Run(name string, build func(*Console) *cobra.Command) int {
	reserveHeap()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup does
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // not Ignore: --exec would inherit that
	go endOnSignal(signals, cancel)                         // it ends with the process
	ended := make(chan struct{})
	c := &Console{
		Name: name, CommandLine: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		out:      bounded(os.Stdout, ended),
		progress: &progress{w: bounded(os.Stderr, ended)},
	}
	cmd := build(c)
	cmd.SetArgs(c.CommandLine)
	cmd.SetIn(c.In)
	cmd.SetOut(c.Out)
	cmd.SetErr(c.Err)
	cmd.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	c.checkCompletion(cmd)
	completeValues(cmd)
	cmd.SilenceErrors = true
	cmd.SilenceUsage = true
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetUsageFunc(usage)
	cmd.InitDefaultHelpFlag() // known before the command is looked for: `--help queue` is about queue
	var stopTimer context.CancelFunc = func() {}
	defer func() { stopTimer() }()
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		var limited context.Context
		limited, stopTimer = c.withTimeout(ctx)
		context.AfterFunc(limited, func() { close(ended) })
		cmd.SetContext(limited)
		return c.checkFlags(cmd.Flags())
	}
	return c.finish(ctx, cmd.ExecuteContext(ctx))
}

// interrupted is the cause of a context that a signal has ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "interrupted by " + i.signal.String() }

// endOnSignal ends the run on the first signal, and the process on the second.
func endOnSignal(signals <-chan os.Signal, cancel context.CancelCauseFunc) {
	last := (<-signals).(syscall.Signal)
	cancel(interrupted{last})
	select {
	case s := <-signals:
		last = s.(syscall.Signal)
	case <-time.After(exitTimeout):
	}
	os.Exit(signalCode(last))
}

// finish reports err and returns the exit code of the run.
func (c *Console) finish(ctx context.Context, err error) int {
	var by interrupted
	c.tellOutage()
	if errors.As(context.Cause(ctx), &by) {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.As(err, &by) {
			c.Report(err)
		}
		return signalCode(by.signal)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, syscall.EPIPE): // the reader of the output has gone
		return signalCode(syscall.SIGPIPE)
	}
	c.Report(err)
	return int(codeOf(err))
}

func signalCode(s syscall.Signal) int { return 128 + int(s) }

// Version returns the version of the program, and what it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := cmp.Or(info.Main.Version, "unknown")
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += ", commit " + s.Value
		}
	}
	return text + ", " + runtime.Version()
}
