package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"time"

	"github.com/joho/godotenv"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
	Quiet            bool
	Verbose          bool
	Timeout          Duration
	Transport        Transport

	env          map[string]string // of the .env file
	clients      []*pflag.FlagSet  // of the commands with AddFlags; one of them runs
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
func (s *Settings) AddFlags(cmd *cobra.Command, localAddress string) {
	f := cmd.Flags()
	f.SortFlags = false
	s.clients = append(s.clients, f)
	s.localDefault = localAddress
	f.StringVarP(&s.ConnectionString, "connection-string", "c", "", "connection `STRING` of the hub (better: environment or .env)")
	f.StringVar(&s.Local, "local", "", "use the local hub, at `HOST:PORT` if given")
	f.Lookup("local").NoOptDefVal = localAddress
	f.StringVar(&s.EnvFile, "env-file", "", "read settings from `FILE` (default .env, if it is there)")
	s.Output = OutputText
	f.VarP(Choice(&s.Output, OutputText, OutputJSON), "output", "o", "form of the output: text or json")
	s.AddRunFlags(cmd)
	s.Transport.addFlags(f)
}

// AddRunFlags registers the settings that every command has.
func (s *Settings) AddRunFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVarP(&s.Quiet, "quiet", "q", false, "print data and errors only")
	f.BoolVarP(&s.Verbose, "verbose", "v", false, "print more, on standard error")
	f.VarP(&s.Timeout, "timeout", "W", "give up after this long, with exit code 124")
}

// Load reads the .env file. It must run before Get.
func (s *Settings) Load() (err error) {
	if err := s.check(); err != nil {
		return err
	}
	s.env, err = godotenv.Read(cmp.Or(s.EnvFile, ".env"))
	if errors.Is(err, fs.ErrNotExist) && s.EnvFile == "" {
		return nil
	}
	for name := range s.env {
		if !variableNames.MatchString(name) {
			err = errors.New("a line has no name") // the parser takes "A B=C" for one
		}
	}
	if err != nil {
		// The parser's message may quote the file, and with it a key.
		if _, perr := os.Stat(cmp.Or(s.EnvFile, ".env")); perr == nil {
			err = errors.New("not in the form NAME=value")
		}
		return Usage(fmt.Errorf("read %s: %w", cmp.Or(s.EnvFile, ".env"), pathReason(err)), "")
	}
	return nil
}

var variableNames = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// check finds flags that say nothing or contradict each other. A script whose
// variable is empty must not end up at another hub.
func (s *Settings) check() error {
	for _, name := range []string{"connection-string", "local", "env-file", "ca-file"} {
		for _, flags := range s.clients {
			if f := flags.Lookup(name); f.Changed && f.Value.String() == "" {
				return Usagef("--%s is empty", name)
			}
		}
	}
	if s.Local != "" && s.ConnectionString != "" {
		return Usagef("--local and --connection-string exclude each other")
	}
	return nil
}

// pathReason takes the path off err, which the caller names itself.
func pathReason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
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
	return cmp.Or(s.Local, s.localDefault), s.Local != ""
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
	return slog.New(slog.NewTextHandler(scrubber{c.lines()}, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}
