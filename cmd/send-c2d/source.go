package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// outgoing is a message and the device that it is for.
type outgoing struct {
	n         int // of the message, counting from 0; the same for all its devices
	device    string
	addressed bool // the message itself names the device
	message   iothub.Message
}

// target names the device or the module that the message is for.
func (o *outgoing) target() string {
	if o.message.ModuleID == "" {
		return o.device
	}
	return o.device + "/" + o.message.ModuleID
}

// source makes the messages that the flags describe.
type source struct {
	devices    []string
	count      int // of messages for each device; 0: one for each body
	input      input
	templates  *templates
	defaults   iothub.Message // what a message is given that does not say it itself
	ttl        time.Duration  // 0: the expiry of defaults
	repeatsIDs bool           // the message ids may have been used before
}

// newSource returns the source that the flags describe. It reads the body, if
// there is one for all messages, or opens the file with the lines.
func newSource(ctx context.Context, c *console.Console, f messageFlags) (*source, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	s := &source{
		devices: f.devices, count: f.count, ttl: time.Duration(f.ttl),
		defaults:   iothub.Message{ModuleID: f.module, ContentType: f.contentType, ContentEncoding: f.contentEncoding, Ack: f.ack},
		repeatsIDs: f.jsonLines || f.id != "" && !strings.Contains(f.id, ".UUID"),
	}
	var err error
	if f.expiry != "" {
		if s.defaults.Expiry, err = parseExpiry(f.expiry, time.Now()); err != nil {
			return nil, err
		}
	}
	if f.tutorial() {
		f.correlation = cmp.Or(f.correlation, "correlation_{{.N}}")
		if len(f.properties) == 0 {
			f.properties = []string{"Property=PropMsg_{{.N}}"}
		}
	}
	if s.input, err = newInput(ctx, c, &f); err != nil {
		return nil, err
	}
	s.templates, err = newTemplates(&f)
	return s, err
}

// tutorial reports whether the tutorial's own message is meant.
func (m *messageFlags) tutorial() bool {
	return len(m.arguments) == 0 && m.file == "" && !m.lines && !m.jsonLines
}

// all yields each message once for every device.
func (s *source) all() iter.Seq2[outgoing, error] {
	return func(yield func(outgoing, error) bool) {
		n := 0
		for raw, err := range s.input.bodies {
			for _, device := range s.devices {
				out := outgoing{n: n, device: device}
				if err == nil {
					err = s.build(&out, raw)
				}
				if !yield(out, err) || err != nil {
					return
				}
				if out.addressed {
					break // the line is for the device that it names, not for the others
				}
			}
			if n++; n == s.count {
				return
			}
		}
	}
}

// build makes the message out of its raw body and the flags.
func (s *source) build(out *outgoing, raw body) error {
	if err := s.input.parse(out, raw.text); err != nil {
		return fmt.Errorf("line %d: %w", raw.line, err)
	}
	if err := s.templates.fill(out); err != nil {
		return err
	}
	m := &out.message
	m.ModuleID = cmp.Or(m.ModuleID, s.defaults.ModuleID)
	m.ContentType = cmp.Or(m.ContentType, s.defaults.ContentType)
	m.ContentEncoding = cmp.Or(m.ContentEncoding, s.defaults.ContentEncoding)
	m.Ack = cmp.Or(m.Ack, s.defaults.Ack)
	switch {
	case !m.Expiry.IsZero():
	case s.ttl > 0:
		m.Expiry = time.Now().Add(s.ttl)
	default:
		m.Expiry = s.defaults.Expiry
	}
	if err := m.Validate(); err != nil {
		return console.Usage(err, "other characters, and bytes that are no text, go into the body")
	}
	return nil
}
