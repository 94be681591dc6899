// Package console is what both binaries share at the terminal: where settings
// come from, where output goes, what an exit code means and which hint goes
// with an error.
package console

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Console is one run of a program at a terminal, or in a script. Data goes to
// Out, everything else to Err.
type Console struct {
	Name  string
	In    io.Reader
	Out   io.Writer
	Err   io.Writer
	Quiet bool // print data and errors only

	progress *progress // on Err; nil if there never is any
}

// interrupted is the cause of a context that a signal has ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "interrupted by " + i.signal.String() }

// Run executes the command that build returns with the process's arguments and
// streams. It returns the exit code.
//
// The first SIGINT or SIGTERM ends the command's context, so that it can settle
// what is in hand and print its totals; the second ends the process, and so does
// lastGrace. A closed output is an error of writing like any other, rather than
// the end of the process, for the same reason.
func Run(name string, build func(*Console) *cobra.Command) int {
	c := &Console{Name: name, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, progress: &progress{w: os.Stderr}}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // not Ignore, which --exec would inherit
	go func() {                                             // ends with the process: a signal may come until then
		last := (<-signals).(syscall.Signal)
		cancel(interrupted{last})
		select {
		case s := <-signals:
			last = s.(syscall.Signal)
		case <-time.After(lastGrace):
		}
		os.Exit(signalCode(last))
	}()
	cmd := build(c)
	cmd.SetIn(c.In)
	cmd.SetOut(c.Out)
	cmd.SetErr(c.Err)
	cmd.Version = Version()
	cmd.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return checkFlags(cmd.Flags()) }
	cmd.AddCommand(manual(c))
	completeChoices(cmd)
	cmd.SilenceErrors = true
	cmd.SilenceUsage = true
	cmd.SetFlagErrorFunc(flagError)
	return c.conclude(ctx, cmd.ExecuteContext(ctx))
}

// lastGrace is how long a command may go on after a signal. It takes two seconds
// at most to take leave of a hub, but a read or a write may hang for ever.
const lastGrace = 5 * time.Second

// conclude reports err and returns the exit code of the run.
func (c *Console) conclude(ctx context.Context, err error) int {
	var by interrupted
	if errors.As(context.Cause(ctx), &by) {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.As(err, &by) {
			c.report(err)
		}
		return signalCode(by.signal)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, syscall.EPIPE): // who reads the output has had enough
		return signalCode(syscall.SIGPIPE)
	}
	c.report(err)
	return int(codeOf(err))
}

func signalCode(s syscall.Signal) int { return 128 + int(s) }
