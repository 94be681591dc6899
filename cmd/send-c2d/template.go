package main

import (
	"crypto/rand"
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
	body, id, correlation, user *template.Template
	properties                  []propertyTemplate
}

type propertyTemplate struct {
	name  string
	value *template.Template
}

// templateFields are what a template may use.
type templateFields struct {
	N      int
	Device string
	Now    string
	UUID   string
}

const templateHint = "the fields are {{.N}} {{.Device}} {{.Now}} {{.UUID}}; write {{\"{{\"}} for two braces"

func newTemplates(f *messageFlags) (*templates, error) {
	var failed error
	parse := func(name, text string) *template.Template {
		if text == "" {
			return nil
		}
		parsed, err := template.New(name).Parse(text)
		if err != nil && failed == nil {
			failed = console.Usage(err, templateHint)
		}
		return parsed
	}
	t := &templates{
		id:          parse("--message-id", f.id),
		correlation: parse("--correlation-id", f.correlation),
		user:        parse("--user-id", f.user),
	}
	for _, p := range f.allProperties() {
		name, text, _ := strings.Cut(p, "=")
		t.properties = append(t.properties, propertyTemplate{name, parse("--property "+name, text)})
	}
	if len(f.arguments) > 0 && !f.base64 {
		t.body = parse("MESSAGE", f.arguments[0])
	}
	return t, failed
}

// fill sets those parts of the message. A message without an id gets a new one.
func (t *templates) fill(out *outgoing) (err error) {
	f := templateFields{out.n, out.device, time.Now().UTC().Format(time.RFC3339Nano), newUUID()}
	fill := func(t *template.Template, otherwise string) string {
		if t == nil || err != nil {
			return otherwise
		}
		var b strings.Builder
		if err = t.Execute(&b, f); err != nil {
			err = console.Usage(err, templateHint)
		}
		return b.String()
	}
	m := &out.message
	setID := func(id *string, typ *value.Name, t *template.Template, otherwise string) {
		if t != nil || *id == "" {
			*id, *typ = fill(t, otherwise), "" // text
		}
	}
	setID(&m.ID, &m.IDType, t.id, f.UUID)
	setID(&m.CorrelationID, &m.CorrelationIDType, t.correlation, "")
	setID(&m.UserID, &m.UserIDType, t.user, "")
	if m.Properties == nil && len(t.properties) > 0 {
		m.Properties = make(map[string]any)
	}
	for _, p := range t.properties {
		m.Properties[p.name] = fill(p.value, "")
	}
	if t.body != nil {
		m.Body = []byte(fill(t.body, ""))
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
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
