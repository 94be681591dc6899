package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// outgoing is a message and the device that it is for.
type outgoing struct {
	n         int // of the message, counting from 0; the same for all its devices
	device    string
	addressed bool // the message itself names the device, and no flag another
	message   iothub.Message
	ttl       time.Duration // from when it is sent; 0: the message says when it expires
}

// target names the device or the module that the message is for.
func (o *outgoing) target() string { return targetName(o.device, o.message.ModuleID) }

func targetName(device, module string) string {
	if module == "" {
		return device
	}
	return device + "/" + module
}

// source makes the messages that the flags describe.
type source struct {
	devices    []string
	explicit   bool // devices are named by flags: messages go to them whatever they say
	limit      int  // of messages for each device; allBodies: one for each body
	input      input
	templates  *templates
	flags      iothub.Message // what the flags say, which messages do not change
	ttl        time.Duration  // 0: the expiry of flags
	ack        iothub.Ack     // of messages where neither a flag nor they themselves say it
	repeatsIDs bool           // the message ids may have been used before
	jsonLines  bool           // messages may name their devices
	end        func(error)    // ends the waiting for input, which is the error then
}

// newSource returns the source that the flags describe. It reads the body, if
// there is one for all messages, or opens the file with the lines.
func newSource(ctx context.Context, c *console.Console, f messageFlags) (*source, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	s := &source{
		devices: f.devices, explicit: f.given("device-id") || f.devicesFile != "", limit: f.limit(), ttl: time.Duration(f.ttl), ack: f.ack,
		flags:      iothub.Message{ModuleID: f.module, ContentType: f.contentType, ContentEncoding: f.contentEncoding},
		repeatsIDs: f.repeatsIDs(), jsonLines: f.jsonLines,
	}
	if f.given("ack") {
		s.flags.Ack = f.ack
	}
	var err error
	if f.expiry != "" {
		if s.flags.Expiry, err = parseExpiry(f.expiry, time.Now()); err != nil {
			return nil, err
		}
	}
	if f.tutorial() {
		f.correlation = cmp.Or(f.correlation, "correlation_{{.N}}")
		if len(f.allProperties()) == 0 {
			f.properties = append(f.properties, "Property=PropMsg_{{.N}}")
		}
	}
	ctx, s.end = context.WithCancelCause(ctx) // it ends with the run at the latest
	if s.input, err = newInput(ctx, c, &f); err != nil {
		return nil, err
	}
	if s.limit == 0 {
		s.input.planned = 0
	}
	s.templates, err = newTemplates(&f)
	return s, err
}

// repeatsIDs reports whether message ids may have been used before.
func (m *messageFlags) repeatsIDs() bool {
	if m.id == "" {
		return m.jsonLines
	}
	return !strings.Contains(m.id, ".UUID")
}

// tutorial reports whether the tutorial's own message is meant.
func (m *messageFlags) tutorial() bool {
	return len(m.arguments) == 0 && m.file == "" && !m.lines && !m.jsonLines
}

// targets returns the names of all that messages are sent to, nil if messages may
// name others.
func (s *source) targets() []string {
	if s.jsonLines && !s.explicit {
		return nil
	}
	names := make([]string, len(s.devices))
	for i, device := range s.devices {
		names[i] = targetName(device, s.flags.ModuleID)
	}
	return names
}

// planned returns how many messages there will be, 0 if only the end of the input
// will tell.
func (s *source) planned() int {
	if most := math.MaxInt / max(len(s.devices), 1); s.input.planned > most {
		return math.MaxInt
	}
	return s.input.planned * len(s.devices)
}

// inFlight returns how many messages may be under way at once if nothing else is
// said: several only if no device gets more than one, and so none out of order.
func (s *source) inFlight() int {
	const several = 16
	if s.input.planned == 1 && len(s.devices) > 1 {
		return several
	}
	return 1
}

// allBodies is the limit of a source that goes on to the end of its input.
const allBodies = -1

// all yields each message once for every device.
func (s *source) all() iter.Seq2[outgoing, error] {
	return func(yield func(outgoing, error) bool) {
		if s.limit == 0 {
			return
		}
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
			if n++; n == s.limit {
				return
			}
		}
	}
}

// build makes the message out of its raw body and the flags. What a flag says is
// stronger than what the message says itself.
func (s *source) build(out *outgoing, raw body) error {
	device := out.device
	if err := s.input.parse(out, raw.text); err != nil {
		return fmt.Errorf("line %d: %w", raw.line, err)
	}
	if s.explicit {
		out.device, out.addressed = device, false
	}
	if err := s.templates.fill(out); err != nil {
		return err
	}
	m := &out.message
	m.ModuleID = cmp.Or(s.flags.ModuleID, m.ModuleID)
	m.ContentType = cmp.Or(s.flags.ContentType, m.ContentType)
	m.ContentEncoding = cmp.Or(s.flags.ContentEncoding, m.ContentEncoding)
	m.Ack = cmp.Or(s.flags.Ack, m.Ack, s.ack)
	switch {
	case s.ttl > 0:
		out.ttl = s.ttl
		m.Expiry = time.Now().Add(s.ttl)
	case !s.flags.Expiry.IsZero():
		m.Expiry = s.flags.Expiry
	}
	if err := m.Validate(); err != nil {
		return console.Usage(err, "other characters, and bytes that are no text, go into the body")
	}
	return nil
}
