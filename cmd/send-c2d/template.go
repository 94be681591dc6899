package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"text/template"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub/value"
)

// templates are the parts of a message that flags give, and that may differ between
// messages. Those that no flag gives are nil.
type templates struct {
	body, id, correlation, user *pattern
	properties                  []propertyPattern
	fields                      templateFields // of the message in hand
}

type propertyPattern struct {
	name  string
	value *pattern
}

// pattern is a template, or a text that is the same in every message: most are.
type pattern struct {
	text     string
	template *template.Template // nil: text
}

// templateFields are what a template may use. What it does not use is not made.
type templateFields struct {
	N         int
	Device    string
	now, uuid string
}

// Now returns the time when it was asked for first.
func (f *templateFields) Now() string {
	if f.now == "" {
		f.now = time.Now().UTC().Format(time.RFC3339Nano)
	}
	return f.now
}

// UUID returns a new UUID, the same for all parts of a message.
func (f *templateFields) UUID() string {
	if f.uuid == "" {
		f.uuid = newUUID()
	}
	return f.uuid
}

const templateHint = "the fields are {{.N}} {{.Device}} {{.Now}} {{.UUID}}; write {{\"{{\"}} for two braces"

func newTemplates(f *messageFlags) (*templates, error) {
	var failed error
	parse := func(name, text string) *pattern {
		p, err := parsePattern(name, text)
		if err != nil && failed == nil {
			failed = console.Usage(err, templateHint)
		}
		return p
	}
	t := &templates{
		id:          parse("--message-id", f.id),
		correlation: parse("--correlation-id", f.correlation),
		user:        parse("--user-id", f.user),
	}
	for _, p := range f.allProperties() {
		name, text, _ := strings.Cut(p, "=")
		t.properties = append(t.properties, propertyPattern{name, parse("--property "+name, text)})
	}
	if len(f.arguments) > 0 && !f.base64 {
		t.body = parse("MESSAGE", f.arguments[0])
	}
	if t.body != nil && t.body.template == nil {
		t.body = nil // the input has it
	}
	return t, failed
}

// parsePattern returns the pattern that the flag of a name gives, nil if that is
// empty.
func parsePattern(name, text string) (p *pattern, err error) {
	switch {
	case text == "":
		return nil, nil
	case !strings.Contains(text, "{{"):
		return &pattern{text: text}, nil
	}
	p = new(pattern)
	p.template, err = template.New(name).Parse(text)
	return p, err
}

// fill sets those parts of the message. A message without an id gets a new one.
func (t *templates) fill(out *outgoing) (err error) {
	t.fields = templateFields{N: out.n, Device: out.device}
	fill := func(p *pattern) string {
		switch {
		case p == nil || err != nil:
			return ""
		case p.template == nil:
			return p.text
		}
		var b strings.Builder
		if err = p.template.Execute(&b, &t.fields); err != nil {
			err = console.Usage(err, templateHint)
		}
		return b.String()
	}
	m := &out.message
	setID := func(id *string, typ *value.Name, p *pattern) {
		if p != nil || *id == "" {
			*id, *typ = fill(p), "" // text
		}
	}
	setID(&m.ID, &m.IDType, t.id)
	if m.ID == "" && t.id == nil {
		m.ID = t.fields.UUID()
	}
	setID(&m.CorrelationID, &m.CorrelationIDType, t.correlation)
	setID(&m.UserID, &m.UserIDType, t.user)
	if m.Properties == nil && len(t.properties) > 0 {
		m.Properties = make(map[string]any, len(t.properties))
	}
	for _, p := range t.properties {
		m.Properties[p.name] = fill(p.value)
	}
	if t.body != nil {
		m.Body = []byte(fill(t.body))
	}
	return err
}

// tutorialBody returns the message of Microsoft's tutorial: an average wind speed
// of 10, and between 2 and 6 more at random.
func tutorialBody() []byte {
	return fmt.Appendf(nil, `{"service client sent a message": %.2f}`, 10+2+4*mathrand.Float64()) //nolint:gosec // a wind speed need not be unpredictable
}

// newUUID returns a random UUID (RFC 9562 version 4).
func newUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // documented never to fail
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	var digits [2 * len(u)]byte
	hex.Encode(digits[:], u[:])
	text := make([]byte, 0, 36)
	for _, group := range [][]byte{digits[:8], digits[8:12], digits[12:16], digits[16:20]} {
		text = append(append(text, group...), '-')
	}
	text = append(text, digits[20:]...)
	return string(text)
}
