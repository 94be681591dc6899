package console

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/joho/godotenv"
	"github.com/spf13/cobra"

	"iothub-c2d/internal/iothub"
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
	CAFile           string
	SASTTL           Duration
	Output           Output
	Quiet            bool
	Verbose          bool
	Timeout          Duration
	NoReconnect      bool

	env map[string]string // of the .env file
}

// Output is the form of the output.
type Output string

// The forms of output.
const (
	OutputText Output = "text"
	OutputJSON Output = "json" // one object a line
)

// localDefault is what --local means without a value.
const localDefault = "default"

// AddFlags registers the settings as flags of cmd.
func (s *Settings) AddFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.SortFlags = false
	f.StringVarP(&s.ConnectionString, "connection-string", "c", "", "connection string of the hub (better: environment or .env)")
	f.StringVar(&s.Local, "local", "", "use the local hub, at `HOST:PORT` if given")
	f.Lookup("local").NoOptDefVal = localDefault
	f.StringVar(&s.EnvFile, "env-file", "", "read settings from `FILE` (default .env, if it is there)")
	f.StringVar(&s.CAFile, "ca-file", "", "trust the CA certificates in `FILE` (PEM) instead of the system's")
	f.Var(&s.SASTTL, "sas-ttl", "lifetime of the tokens made from a key (default 1h)")
	s.Output = OutputText
	f.VarP(Choice(&s.Output, OutputText, OutputJSON), "output", "o", "form of the output: text or json")
	f.BoolVarP(&s.Quiet, "quiet", "q", false, "print data and errors only")
	f.BoolVarP(&s.Verbose, "verbose", "v", false, "print more, on standard error")
	f.BoolVar(&s.NoReconnect, "no-reconnect", false, "fail when the connection breaks")
	f.VarP(&s.Timeout, "timeout", "W", "give up after this long, with exit code 124")
}

// Load reads the .env file. It must run before Get.
func (s *Settings) Load() (err error) {
	s.env, err = godotenv.Read(cmp.Or(s.EnvFile, ".env"))
	if errors.Is(err, fs.ErrNotExist) && s.EnvFile == "" {
		return nil
	}
	if err != nil {
		// The parser's message may quote the file, and with it a key.
		if _, perr := os.Stat(cmp.Or(s.EnvFile, ".env")); perr == nil {
			err = errors.New("not in the form NAME=value")
		}
		return Usage(fmt.Errorf("read %s: %w", cmp.Or(s.EnvFile, ".env"), err), "")
	}
	return nil
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

// LocalAddress returns the address of the local hub if that was asked for.
func (s *Settings) LocalAddress(byDefault string) (address string, asked bool) {
	if s.Local == localDefault {
		return byDefault, true
	}
	return cmp.Or(s.Local, byDefault), s.Local != ""
}

// TLS returns the TLS configuration that the flags ask for, nil for none.
func (s *Settings) TLS() (*tls.Config, error) {
	if s.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, Usage(err, "")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, Usagef("%s holds no PEM certificate", s.CAFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
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

// ClientOptions returns how to connect to a hub.
func (c *Console) ClientOptions(s *Settings, tls *tls.Config) *iothub.Options {
	o := &iothub.Options{
		SASTTL:      time.Duration(s.SASTTL),
		TLS:         tls,
		NoReconnect: s.NoReconnect,
		Logger:      c.Logger(s),
	}
	if !s.Quiet {
		o.Lost = func(err error) { c.Say("connection lost: %s; reconnecting", oneLine(err.Error())) }
		o.Restored = func(after time.Duration) { c.Say("connection restored after %s", after.Round(time.Millisecond)) }
	}
	return o
}

// Logger returns where to log to: standard error with -v, else nowhere.
func (c *Console) Logger(s *Settings) *slog.Logger {
	if !s.Verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}
