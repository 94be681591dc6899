package console

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/sas"
)

// TransportFlags are the flags that say how to connect to a hub.
type TransportFlags struct {
	Protocol    iothub.Protocol
	CAFile      string
	ProxyURL    string
	SASTTL      Duration
	NoReconnect bool
	TraceTo     string // a file, or traceStderr; empty: no trace
}

const traceStderr = "-"

func (t *TransportFlags) add(f *pflag.FlagSet) {
	t.Protocol = iothub.AMQP
	f.Var((*protocolValue)(&t.Protocol), "protocol", "amqp (port 5671) or amqp-ws (WebSocket, port 443)")
	f.StringVar(&t.ProxyURL, "proxy", "", "go by the HTTP proxy at `HOST:PORT`, or a URL with user and password (amqp-ws also heeds HTTPS_PROXY and NO_PROXY)")
	f.StringVar(&t.CAFile, "ca-file", "", "trust the CA certificates in `FILE` (PEM) instead of the system's")
	f.Var(&t.SASTTL, "sas-ttl", "lifetime of the tokens made from a key (default 1h)")
	f.BoolVar(&t.NoReconnect, "no-reconnect", false, "fail when the connection breaks")
}

func (t *TransportFlags) addTrace(f *pflag.FlagSet) {
	f.StringVar(&t.TraceTo, "trace", "", "write every AMQP frame as text to `FILE`, or standard error; tokens are masked")
	f.Lookup("trace").NoOptDefVal = traceStderr
}

// protocolValue is a flag value that also takes the names of the protocols in
// other tools.
type protocolValue iothub.Protocol

// Set stores the protocol that s names.
func (p *protocolValue) Set(s string) error {
	switch s {
	case "amqp", "amqps":
		*p = protocolValue(iothub.AMQP)
	case "amqp-ws", "amqp_ws", "amqps_ws":
		*p = protocolValue(iothub.AMQPWS)
	default:
		return fmt.Errorf("%q is not one of amqp, amqp-ws", s)
	}
	return nil
}

// Choices returns the names of the protocols in this project.
func (*protocolValue) Choices() []string {
	return []string{string(iothub.AMQP), string(iothub.AMQPWS)}
}

func (p *protocolValue) String() string { return string(*p) }

// Type names the value in help texts.
func (*protocolValue) Type() string { return "word" }

// ClientOptions returns how to connect to the hub of a connection string.
func (c *Console) ClientOptions(s *Settings, cs sas.ConnectionString) (*iothub.Options, error) {
	t := &s.flags.Transport
	roots, err := t.roots()
	if err != nil {
		return nil, err
	}
	proxy, err := t.proxy()
	if err != nil {
		return nil, err
	}
	if proxy != nil && cs.UseDevelopmentEmulator {
		return nil, Usage(errors.New("--proxy is of no use for a hub on this machine"),
			"leave it out, or name a hub elsewhere with --connection-string, in the environment or in .env")
	}
	trace, err := t.openTrace(c.Stderr())
	if err != nil {
		return nil, err
	}
	o := &iothub.Options{
		Protocol:    t.Protocol,
		Proxy:       proxy,
		SASTTL:      time.Duration(t.SASTTL),
		TLS:         &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		NoReconnect: t.NoReconnect,
		Trace:       trace,
		Logger:      c.Logger(),
	}
	if !cs.Token.IsZero() {
		c.tellExpiry(cs.Token.Expiry())
	}
	if s.UsesEntra() {
		o.Tokens, c.entra = c.newTokenCommand(s.login.command).get, true
	}
	o.Progress = new(iothub.Progress)
	o.Lost = func(err error) { c.lost(err, o.Progress) }
	o.Restored = c.restored
	host, _ := cs.Endpoint()
	c.far = !sas.IsLoopback(host)
	return o, nil
}

// Connected says which hub a run has connected to, as whom, how, and which setting
// says so.
func (c *Console) Connected(s *Settings, cs sas.ConnectionString) {
	hub, gateway := cs.HostName, cs.GatewayHostName
	if gateway != "" {
		hub += " by the gateway " + gateway
	}
	how := map[iothub.Protocol]string{iothub.AMQP: "AMQP", iothub.AMQPWS: "AMQP-WS"}[s.flags.Transport.Protocol]
	if cs.UseDevelopmentEmulator {
		how += " without TLS"
	} else {
		how += " with TLS"
	}
	from := "by default"
	if source := s.Source(); source != "" {
		from = "from " + source
	}
	c.Note("Connected to %s as %s over %s (%s).", hub, identity(cs), how, from)
}

// identity says who the connection string is for.
func identity(cs sas.ConnectionString) string {
	switch {
	case cs.ModuleID != "":
		return "module " + cs.DeviceID + "/" + cs.ModuleID
	case cs.DeviceID != "":
		return "device " + cs.DeviceID
	case cs.KeyName != "":
		return "policy " + cs.KeyName
	}
	return "the bearer of a token"
}

// tellExpiry says until when a ready-made token is valid. If it is over by our
// clock, the hub's clock may differ, and hubs allow some minutes: it is for the hub
// to decide.
func (c *Console) tellExpiry(expiry time.Time) {
	if time.Now().Before(expiry) {
		c.Note("The SharedAccessSignature is good until %s; only its maker can renew it.", Timestamp(expiry))
		return
	}
	c.Note("Warning: by the clock of this machine the SharedAccessSignature expired at %s; the hub may refuse it.", Timestamp(expiry))
}

// roots returns the CAs to trust, nil for the system's.
func (t *TransportFlags) roots() (*x509.CertPool, error) {
	if t.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, Usage(fmt.Errorf("read %s: %w", t.CAFile, pathReason(err)), "")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, Usagef("%s holds no PEM certificate", t.CAFile)
	}
	return pool, nil
}

// proxy reads --proxy. Its errors do not quote it: it may hold a password.
func (t *TransportFlags) proxy() (*url.URL, error) {
	if t.ProxyURL == "" {
		return nil, nil
	}
	text := t.ProxyURL
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" {
		return nil, Usage(errors.New("--proxy is not the address of an HTTP proxy"), "it looks like proxy.example:8080, or http://user:password@proxy.example:8080")
	}
	return u, nil
}

// maskProxy returns --proxy without the password in it.
func (t *TransportFlags) maskProxy() string {
	u, err := t.proxy()
	if err != nil {
		return "no address"
	}
	return u.Redacted()
}

// openTrace returns where to trace to, nil for nowhere.
func (t *TransportFlags) openTrace(stderr io.Writer) (io.Writer, error) {
	switch t.TraceTo {
	case "":
		return nil, nil
	case traceStderr:
		return stderr, nil
	}
	f, err := os.OpenFile(t.TraceTo, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, Usage(fmt.Errorf("trace to %s: %w", t.TraceTo, pathReason(err)), "")
	}
	return f, nil // open until the process ends
}
