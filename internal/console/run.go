// Package console is what both binaries share at the terminal: where settings
// come from, where output goes, what an exit code means and which hint goes
// with an error.
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Console is one run of a program at a terminal, or in a script. Data goes to
// Out, everything else to Err.
type Console struct {
	Name string
	In   io.Reader
	Out  io.Writer
	Err  io.Writer

	progress *progress // on Err; nil if there never is any
}

// interrupted is the cause of a context that a signal has ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "interrupted by " + i.signal.String() }

// Run executes the command that build returns with the process's arguments and
// streams. It returns the exit code.
//
// The first SIGINT or SIGTERM ends the command's context, so that it can settle
// what is in hand and print its totals; the second ends the process.
func Run(name string, build func(*Console) *cobra.Command) int {
	c := &Console{Name: name, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, progress: &progress{w: os.Stderr}}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() { // ends with the process: a signal may come until then
		first := (<-signals).(syscall.Signal)
		cancel(interrupted{first})
		os.Exit(signalCode((<-signals).(syscall.Signal)))
	}()
	cmd := build(c)
	cmd.SetIn(c.In)
	cmd.SetOut(c.Out)
	cmd.SetErr(c.Err)
	cmd.Version = Version()
	cmd.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	cmd.AddCommand(manual(c))
	completeChoices(cmd)
	cmd.SilenceErrors = true
	cmd.SilenceUsage = true
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return Usage(err, fmt.Sprintf("run %s --help", cmd.CommandPath()))
	})
	return c.conclude(ctx, cmd.ExecuteContext(ctx))
}

// conclude reports err and returns the exit code of the run.
func (c *Console) conclude(ctx context.Context, err error) int {
	var by interrupted
	if errors.As(context.Cause(ctx), &by) {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.As(err, &by) {
			c.report(err)
		}
		return signalCode(by.signal)
	}
	if err == nil {
		return 0
	}
	c.report(err)
	return int(codeOf(err))
}

func signalCode(s syscall.Signal) int { return 128 + int(s) }

// Say prints a line about what is going on. It may quote anything: what acts on
// a terminal is escaped, and what looks like a secret is taken out.
func (c *Console) Say(format string, args ...any) {
	_, _ = fmt.Fprintln(c.lines(), Printable(scrub(fmt.Sprintf(format, args...)))) // nowhere left to complain
}
