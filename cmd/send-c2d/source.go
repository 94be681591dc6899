package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// outgoing is a message on its way to a device.
type outgoing struct {
	n         int // of the message, counting from 0; the same for all its devices
	device    string
	addressed bool // the message itself names the device
	message   iothub.Message
}

// source makes the messages that the flags describe.
type source struct {
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
	expires                      time.Time // what --expiry says
	input                        io.Reader
	templates                    templates
	body                         []byte // the same for all messages
	tutorial                     bool
}

// prepare checks the flags and opens the input.
func (s *source) prepare(ctx context.Context, c *console.Console) (err error) {
	if err := s.checkFlags(); err != nil {
		return err
	}
	if s.expiry != "" {
		if s.expires, err = parseExpiry(s.expiry, time.Now()); err != nil {
			return err
		}
	}
	s.tutorial = len(s.arguments) == 0 && s.file == "" && !s.lines && !s.jsonLines
	if s.tutorial {
		noteUnread(c)
		s.correlation = cmp.Or(s.correlation, "correlation_{{.N}}")
		if len(s.properties) == 0 {
			s.properties = []string{"Property=PropMsg_{{.N}}"}
		}
	}
	if err := s.readBody(ctx, c); err != nil {
		return err
	}
	return s.templates.parse(s)
}

// noteUnread tells who pipes something in that it is not read.
func noteUnread(c *console.Console) {
	f, ok := c.In.(*os.File)
	if !ok {
		return
	}
	info, err := f.Stat()
	if err == nil && (info.Mode().IsRegular() || info.Mode()&fs.ModeNamedPipe != 0) {
		c.Note("Standard input is not read: for that, use --file - or --lines.")
	}
}

// readBody reads the body, if there is one for all messages, or opens the input
// with the lines.
func (s *source) readBody(ctx context.Context, c *console.Console) (err error) {
	switch {
	case s.tutorial:
		return nil
	case len(s.arguments) > 0:
		s.body, err = s.decode([]byte(s.arguments[0]))
		return err
	}
	if s.input, err = c.Open(ctx, s.path()); err != nil || s.lines || s.jsonLines {
		return err
	}
	if s.body, err = io.ReadAll(io.LimitReader(s.input, maxInput+1)); err != nil {
		return s.inputError(err)
	}
	if len(s.body) > maxInput {
		return tooLong(s.path(), maxInput)
	}
	s.body, err = s.decode(s.body)
	return err
}

// maxInput bounds a body, in bytes: more than any hub takes, also as base64.
const maxInput = 256 << 10

// path returns where the input is.
func (s *source) path() string { return cmp.Or(s.file, "-") }

// inputError names the input once: the system does it too, in its own way. Other
// errors say that the run has ended.
func (s *source) inputError(err error) error {
	var p *fs.PathError
	if !errors.As(err, &p) {
		return err
	}
	return console.Usage(fmt.Errorf("read %s: %w", s.path(), p.Err), "")
}

// repeatsIDs reports whether the message ids may have been used before.
func (s *source) repeatsIDs() bool {
	return s.jsonLines || s.id != "" && !strings.Contains(s.id, ".UUID")
}

// messages yields each message once for every device.
func (s *source) messages() iter.Seq2[outgoing, error] {
	return func(yield func(outgoing, error) bool) {
		n := 0
		for raw, err := range s.bodies() {
			for _, device := range s.devices {
				out := outgoing{n: n, device: device}
				if err == nil {
					err = s.build(&out, raw)
				}
				if !yield(out, err) || err != nil {
					return
				}
				if out.addressed {
					break // the line has said to whom: not to the others
				}
			}
			if n++; n == s.count {
				return
			}
		}
	}
}

// bodies yields the raw bodies: the same again and again, or the lines.
func (s *source) bodies() iter.Seq2[line, error] {
	if s.lines || s.jsonLines {
		return s.eachLine
	}
	return func(yield func(line, error) bool) {
		for range max(s.count, 1) {
			if !yield(line{text: s.body}, nil) {
				return
			}
		}
	}
}

// build makes the message out of its raw body and the flags.
func (s *source) build(out *outgoing, raw line) error {
	if err := s.interpret(out, raw.text); err != nil {
		return fmt.Errorf("line %d: %w", raw.number, err)
	}
	if err := s.templates.fill(out); err != nil {
		return err
	}
	m := &out.message
	m.ContentType = cmp.Or(m.ContentType, s.contentType)
	m.ContentEncoding = cmp.Or(m.ContentEncoding, s.contentEncoding)
	m.Ack = cmp.Or(m.Ack, s.ack)
	switch {
	case !m.Expiry.IsZero():
	case s.ttl > 0:
		m.Expiry = time.Now().Add(time.Duration(s.ttl))
	default:
		m.Expiry = s.expires
	}
	if err := m.Validate(); err != nil {
		return console.Usage(err, "other characters, and bytes that are no text, go into the body")
	}
	return nil
}

// interpret makes of a raw body what it says itself. It fails for lines only.
func (s *source) interpret(out *outgoing, raw []byte) (err error) {
	switch {
	case s.jsonLines:
		if err := parseJSONLine(out, raw); err != nil {
			return console.Usage(err, "")
		}
		if out.device == "" {
			return errNoDevice
		}
	case s.tutorial:
		out.message.Body = tutorialBody()
	case s.lines:
		out.message.Body, err = s.decode(raw)
	default:
		out.message.Body = raw
	}
	return err
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
