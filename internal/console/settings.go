package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/sas"
)

// The environment variables, which are also the ones of Microsoft's samples.
const (
	EnvDevice     = "IOTHUB_DEVICE_CONNECTION_STRING"
	EnvService    = "IOTHUB_CONNECTION_STRING"
	EnvServiceAlt = "IOTHUB_SERVICE_CONNECTION_STRING"
	EnvDeviceID   = "IOTHUB_DEVICE_ID"
)

// Settings are the flags that both binaries have. A setting comes from its
// flag, else from the environment, else from the .env file.
type Settings struct {
	ConnectionString string
	Local            string // address of a local hub; empty unless asked for
	EnvFile          string
	Output           Output
	Verbose          bool
	Timeout          Duration
	Transport        Transport

	env          map[string]string // of the .env file
	localDefault string
}

// Output is the form of the output.
type Output string

// The forms of output.
const (
	OutputText Output = "text"
	OutputJSON Output = "json" // one object a line
)

// AddFlags registers the settings as flags of cmd, which is a client of a hub. A
// local hub is looked for at localAddress if nothing else is said.
func (s *Settings) AddFlags(c *Console, cmd *cobra.Command, localAddress string) {
	f := cmd.Flags()
	f.SortFlags = false
	s.localDefault = localAddress
	f.StringVarP(&s.ConnectionString, "connection-string", "c", "", "connection `STRING` of the hub (better: environment or .env)")
	f.StringVar(&s.Local, "local", "", "use the local hub, at `HOST:PORT` if given")
	f.Lookup("local").NoOptDefVal = localAddress
	f.StringVar(&s.EnvFile, "env-file", "", "read settings from `FILE` (default .env, if it is there)")
	s.Output = OutputText
	f.VarP(Choice(&s.Output, OutputText, OutputJSON), "output", "o", "form of the output: text or json")
	s.AddRunFlags(c, cmd, "give up after this long, with exit code 124")
	s.Transport.addFlags(f)
}

// AddRunFlags registers the settings that every command has. The time limit may
// mean different things to them.
func (s *Settings) AddRunFlags(c *Console, cmd *cobra.Command, timeout string) {
	f := cmd.Flags()
	f.BoolVarP(&c.Quiet, "quiet", "q", false, "print data and errors only")
	f.BoolVarP(&s.Verbose, "verbose", "v", false, "print more: about messages, and on standard error about the connection")
	f.VarP(&s.Timeout, "timeout", "W", timeout)
}

// Get returns the first of the named variables that is set, in the environment
// or else in the .env file.
func (s *Settings) Get(names ...string) string {
	for _, look := range []func(string) string{os.Getenv, func(name string) string { return s.env[name] }} {
		for _, name := range names {
			if v := look(name); v != "" {
				return v
			}
		}
	}
	return ""
}

// LocalAddress returns the address of the local hub, and whether the user asked
// for one.
func (s *Settings) LocalAddress() (address string, asked bool) {
	if s.Local == "" {
		return s.localDefault, false
	}
	if _, _, err := net.SplitHostPort(s.Local); err != nil {
		_, port, _ := net.SplitHostPort(s.localDefault) // ours
		return net.JoinHostPort(strings.Trim(s.Local, "[]"), port), true
	}
	return s.Local, true
}

// CheckLocal returns a usage error if the connection string of a local hub names
// no address of this machine.
func (s *Settings) CheckLocal(cs sas.ConnectionString) error {
	if cs.Validate() == nil {
		return nil
	}
	return Usage(fmt.Errorf("--local %q is no address of this machine", cs.HostName), "it takes HOST:PORT, such as "+s.localDefault)
}

// WithTimeout returns ctx with the whole run's time limit.
func (s *Settings) WithTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.Timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, time.Duration(s.Timeout), ErrTimeout)
}

// ErrTimeout is the cause of a context that --timeout has ended.
var ErrTimeout = Fail(errors.New("time is up"), ExitTimeout, "")

// Logger returns where to log to: standard error with -v, else nowhere.
func (c *Console) Logger(s *Settings) *slog.Logger {
	if !s.Verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(scrubber{c.Stderr()}, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}
