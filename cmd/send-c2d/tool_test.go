package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// buffer collects what several goroutines write.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// tool is a run of send-c2d in this process.
type tool struct {
	dial     func(context.Context) (net.Conn, error) // to the hub
	in       io.Reader                               // standard input
	out, err buffer
}

// run runs send-c2d with arguments for the hub, and returns the exit code.
func (r *tool) run(ctx context.Context, arguments ...string) console.ExitCode {
	c := &console.Console{Name: "send-c2d", In: r.in, Out: &r.out, Err: &r.err}
	err := r.execute(ctx, c, append(arguments, "-c", defaults.ServiceString("localhost:5672").Reveal()))
	if err != nil {
		c.Report(err)
	}
	return console.Code(err)
}

func (r *tool) execute(ctx context.Context, c *console.Console, arguments []string) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var f sendFlags
	cmd := new(cobra.Command)
	f.add(c, cmd)
	if err := cmd.ParseFlags(arguments); err != nil {
		return err
	}
	f.messages.arguments = cmd.Flags().Args()
	plan, err := f.plan(ctx, c)
	if err != nil {
		return err
	}
	options, err := plan.target.options(ctx, c)
	if err != nil {
		return err
	}
	options.Dial = r.dial
	return plan.carryOut(ctx, c, options, func(err error) { end(console.Cause(ctx, err)) })
}

// monitor runs send-c2d feedback.
func (r *tool) monitor(ctx context.Context) console.ExitCode {
	c := &console.Console{Name: "send-c2d", Out: &r.out, Err: &r.err}
	var f monitorFlags
	cmd := new(cobra.Command)
	f.hub.Add(c, cmd, defaults.Address, console.EnvService, console.EnvServiceAlt)
	err := cmd.ParseFlags([]string{"-c", defaults.ServiceString("localhost:5672").Reveal()})
	if err != nil {
		return console.Code(err)
	}
	to, err := newTarget(&f.hub)
	if err != nil {
		return console.Code(err)
	}
	return console.Code(to.monitor(ctx, c, &iothub.Options{Dial: r.dial, Progress: new(iothub.Progress)}, &f))
}

// wantCode checks how a run has ended.
func (r *tool) wantCode(t *testing.T, got, want console.ExitCode) {
	t.Helper()
	if got != want {
		t.Errorf("exit code %d, want %d\n%s%s", got, want, r.out.String(), r.err.String())
	}
}

// wantLines checks that lines are in the outputs.
func (r *tool) wantLines(t *testing.T, lines ...string) {
	t.Helper()
	text := "\n" + r.out.String() + r.err.String()
	for _, line := range lines {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in:%s", line, text)
		}
	}
}
