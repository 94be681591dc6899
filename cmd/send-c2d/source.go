package main

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// outgoing is a message on its way to a device.
type outgoing struct {
	n       int // of the message, counting from 0; the same for all its devices
	device  string
	message iothub.Message
}

// source makes the messages that the flags describe.
type source struct {
	console   *console.Console
	arguments []string
	file      string
	lines     bool
	jsonLines bool
	base64    bool
	devices   []string
	count     int

	id, correlation, user        string
	contentType, contentEncoding string
	properties                   []string
	ttl                          console.Duration
	expiry                       string
	ack                          iothub.Ack
	expires                      time.Time
	input                        io.Reader
	templates                    templates
	body                         []byte // the same for all messages
	tutorial                     bool
}

func (s *source) addFlags(f *pflag.FlagSet) {
	f.StringArrayVarP(&s.devices, "device-id", "d", nil, "device to send to (repeat; default IOTHUB_DEVICE_ID, or "+localhub.DefaultDeviceID+" on the local hub)")
	f.StringVarP(&s.file, "file", "f", "", "read the body from `PATH` (-: standard input)")
	f.BoolVarP(&s.lines, "lines", "l", false, "send each line of standard input, or of --file")
	f.BoolVar(&s.jsonLines, "jsonl", false, "each line is a whole message as JSON, as --output json of simulated-device prints it")
	f.BoolVar(&s.base64, "base64", false, "the body, or each line, is base64")
	f.IntVarP(&s.count, "count", "C", 0, "send `N` messages (default 1, or all lines)")
	f.StringArrayVarP(&s.properties, "property", "p", nil, "application property `K=V` (repeat)")
	f.StringVar(&s.id, "message-id", "", "message `ID` (default a new UUID for each)")
	f.StringVar(&s.correlation, "correlation-id", "", "correlation `ID`")
	f.StringVar(&s.user, "user-id", "", "user `ID`")
	f.StringVar(&s.contentType, "content-type", "", "such as application/json")
	f.StringVar(&s.contentEncoding, "content-encoding", "", "such as utf-8")
	f.Var(&s.ttl, "ttl", "how long the message lives (default the hub's, usually 1h)")
	f.StringVar(&s.expiry, "expiry", "", "when it expires: `TIME` in RFC 3339, or milliseconds since 1970")
	s.ack = iothub.AckFull
	f.Var(console.Choice(&s.ack, iothub.AckFull, iothub.AckPositive, iothub.AckNegative, iothub.AckNone), "ack", "feedback to ask for: full, positive, negative or none")
	f.SetNormalizeFunc(shortNames)
}

// shortNames makes the names that the Azure CLI has for the same flags work.
func shortNames(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	aliases := map[string]string{
		"mid": "message-id", "cid": "correlation-id", "uid": "user-id",
		"ct": "content-type", "ce": "content-encoding",
	}
	return pflag.NormalizedName(cmp.Or(aliases[name], name))
}

// prepare checks the flags and opens the input.
func (s *source) prepare(c *console.Console, settings *console.Settings) (err error) {
	s.console = c
	if err := s.checkFlags(); err != nil {
		return err
	}
	if len(s.devices) == 0 {
		s.devices = []string{cmp.Or(settings.Get(console.EnvDeviceID), localhub.DefaultDeviceID)}
	}
	if s.expires, err = s.parseExpiry(time.Now()); err != nil {
		return err
	}
	s.tutorial = len(s.arguments) == 0 && s.file == "" && !s.lines && !s.jsonLines
	if s.tutorial {
		s.correlation = cmp.Or(s.correlation, "correlation_{{.N}}")
		if len(s.properties) == 0 {
			s.properties = []string{"Property=PropMsg_{{.N}}"}
		}
	}
	if err := s.readBody(); err != nil {
		return err
	}
	return s.templates.parse(s)
}

func (s *source) checkFlags() error {
	switch {
	case s.count < 0:
		return console.Usagef("--count takes a positive number")
	case s.lines && s.jsonLines:
		return console.Usagef("--lines and --jsonl exclude each other")
	case len(s.arguments) > 0 && (s.file != "" || s.lines || s.jsonLines):
		return console.Usagef("the message is given twice: as an argument and as input")
	case s.ttl > 0 && s.expiry != "":
		return console.Usagef("--ttl and --expiry exclude each other")
	}
	for _, p := range s.properties {
		if name, _, ok := strings.Cut(p, "="); !ok || name == "" {
			return console.Usagef("--property %q is not K=V", p)
		}
	}
	return nil
}

// readBody reads the body, if there is one for all messages, or opens the input
// with the lines.
func (s *source) readBody() (err error) {
	switch {
	case s.tutorial:
		return nil
	case len(s.arguments) > 0:
		s.body, err = s.decode([]byte(s.arguments[0]))
		return err
	}
	s.input = s.console.In
	if s.file != "" && s.file != "-" {
		f, err := os.Open(s.file)
		if err != nil {
			return console.Usage(err, "")
		}
		s.input = f // open until the process ends
	}
	if s.lines || s.jsonLines {
		return nil
	}
	if s.body, err = io.ReadAll(io.LimitReader(s.input, maxInput)); err != nil {
		return fmt.Errorf("read %s: %w", s.file, err)
	}
	s.body, err = s.decode(s.body)
	return err
}

// maxInput bounds a body, in bytes: more than any hub takes, also as base64.
const maxInput = 256 << 10

// parseExpiry returns when the messages expire, the zero time if the hub
// decides.
func (s *source) parseExpiry(now time.Time) (t time.Time, err error) {
	if s.ttl > 0 {
		return now.Add(time.Duration(s.ttl)), nil
	}
	if s.expiry == "" {
		return time.Time{}, nil
	}
	if ms, err := strconv.ParseInt(s.expiry, 10, 64); err == nil {
		t = time.UnixMilli(ms)
	} else if t, err = time.Parse(time.RFC3339, s.expiry); err != nil {
		return t, console.Usage(fmt.Errorf("--expiry %q is neither RFC 3339 nor milliseconds since 1970", s.expiry),
			"for example --expiry "+now.Add(time.Hour).UTC().Format(time.RFC3339)+", or --ttl 1h")
	}
	if !t.After(now) {
		return t, console.Usage(fmt.Errorf("--expiry %s is in the past", t.UTC().Format(time.RFC3339)), "")
	}
	return t, nil
}

// messages yields each message once for every device.
func (s *source) messages() iter.Seq2[outgoing, error] {
	return func(yield func(outgoing, error) bool) {
		n := 0
		for text, err := range s.bodies() {
			for _, device := range s.devices {
				out := outgoing{n: n, device: device}
				if err == nil {
					err = s.build(&out, text)
				}
				if !yield(out, err) || err != nil {
					return
				}
			}
			if n++; n == s.count {
				return
			}
		}
	}
}

// bodies yields the raw bodies: the same again and again, or the lines.
func (s *source) bodies() iter.Seq2[[]byte, error] {
	if s.lines || s.jsonLines {
		return s.eachLine
	}
	return func(yield func([]byte, error) bool) {
		for range max(s.count, 1) {
			if !yield(s.body, nil) {
				return
			}
		}
	}
}

// eachLine yields the lines of the input without their ends. An empty line is
// an empty message; with --jsonl it is passed over.
func (s *source) eachLine(yield func([]byte, error) bool) {
	scanner := bufio.NewScanner(s.input)
	scanner.Buffer(nil, 4*maxInput)
	for scanner.Scan() {
		line := scanner.Bytes()
		if s.jsonLines && len(strings.TrimSpace(string(line))) == 0 {
			continue
		}
		if !yield(append([]byte(nil), line...), nil) {
			return
		}
	}
	if err := scanner.Err(); err != nil {
		yield(nil, fmt.Errorf("read line: %w", err))
	}
}

// build makes the message out of its raw body and the flags.
func (s *source) build(out *outgoing, raw []byte) error {
	if s.jsonLines {
		if err := parseJSONLine(out, raw); err != nil {
			return console.Usage(fmt.Errorf("line %d: %w", out.n+1, err), "")
		}
	}
	m := &out.message
	switch {
	case s.jsonLines:
	case s.tutorial:
		m.Body = tutorialBody()
	case s.lines:
		body, err := s.decode(raw)
		if err != nil {
			return fmt.Errorf("line %d: %w", out.n+1, err)
		}
		m.Body = body
	default:
		m.Body = raw
	}
	if err := s.templates.fill(out); err != nil {
		return err
	}
	m.UserID = cmp.Or(m.UserID, s.user)
	m.ContentType = cmp.Or(m.ContentType, s.contentType)
	m.ContentEncoding = cmp.Or(m.ContentEncoding, s.contentEncoding)
	if m.Expiry.IsZero() {
		m.Expiry = s.expires
	}
	m.Ack = s.ack
	return nil
}

// decode undoes --base64.
func (s *source) decode(body []byte) ([]byte, error) {
	if !s.base64 {
		return body, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(body)))
	if err != nil {
		return nil, console.Usage(fmt.Errorf("--base64: %w", err), "")
	}
	return decoded, nil
}
