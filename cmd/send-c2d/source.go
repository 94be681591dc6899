package main

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
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
func (s *source) prepare(stdin io.Reader) (err error) {
	if err := s.checkFlags(); err != nil {
		return err
	}
	if s.expiry != "" {
		if s.expires, err = parseExpiry(s.expiry, time.Now()); err != nil {
			return err
		}
	}
	s.input = stdin
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
	if s.file != "" && s.file != "-" {
		f, err := os.Open(s.file)
		if err != nil {
			return console.Usage(fmt.Errorf("--file: %w", err), "")
		}
		s.input = f // open until the process ends
	}
	if s.lines || s.jsonLines {
		return nil
	}
	if s.body, err = io.ReadAll(io.LimitReader(s.input, maxInput+1)); err != nil {
		return fmt.Errorf("read %s: %w", s.file, err)
	}
	if len(s.body) > maxInput {
		return console.Fail(fmt.Errorf("%s has more than %d bytes", s.file, maxInput), console.ExitRefused, "a message holds 64 KB at most, properties included")
	}
	s.body, err = s.decode(s.body)
	return err
}

// maxInput bounds a body, in bytes: more than any hub takes, also as base64.
const maxInput = 256 << 10

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
// an empty message; with --jsonl it is passed over, as are the lines of
// --output json that are no messages.
func (s *source) eachLine(yield func([]byte, error) bool) {
	scanner := bufio.NewScanner(s.input)
	scanner.Buffer(nil, 4*maxInput)
	for scanner.Scan() {
		line := scanner.Bytes()
		if s.jsonLines && isNoMessage(line) {
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
	switch {
	case !m.Expiry.IsZero():
	case s.ttl > 0:
		m.Expiry = time.Now().Add(time.Duration(s.ttl))
	default:
		m.Expiry = s.expires
	}
	m.Ack = cmp.Or(m.Ack, s.ack)
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
