package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"text/template"
	"time"

	"iothub-c2d/internal/console"
)

// templates are the parts of a message that may differ from one to the next.
type templates struct {
	body, id, correlation, user *template.Template
	properties                  []propertyTemplate
}

type propertyTemplate struct {
	name  string
	value *template.Template
}

// facts are what a template may use.
type facts struct {
	N      int
	Device string
	Now    string
	UUID   string
}

func (t *templates) parse(s *source) (err error) {
	parse := func(name, text string) *template.Template {
		if err != nil {
			return nil
		}
		var parsed *template.Template
		if parsed, err = template.New(name).Parse(text); err != nil {
			err = console.Usage(err, "the fields are {{.N}} {{.Device}} {{.Now}} {{.UUID}}; write {{\"{{\"}} for two braces")
		}
		return parsed
	}
	t.id = parse("--message-id", cmp.Or(s.id, "{{.UUID}}"))
	t.correlation = parse("--correlation-id", s.correlation)
	t.user = parse("--user-id", s.user)
	for _, p := range s.properties {
		name, value, _ := strings.Cut(p, "=")
		t.properties = append(t.properties, propertyTemplate{name, parse("--property "+name, value)})
	}
	if len(s.arguments) > 0 && !s.base64 {
		t.body = parse("MESSAGE", string(s.body))
	}
	return err
}

// fill sets those parts of the message.
func (t *templates) fill(out *outgoing) (err error) {
	f := facts{out.n, out.device, time.Now().UTC().Format(time.RFC3339Nano), newUUID()}
	fill := func(t *template.Template) string {
		var b strings.Builder
		if err == nil {
			if err = t.Execute(&b, f); err != nil {
				err = console.Usage(err, "the fields are {{.N}} {{.Device}} {{.Now}} {{.UUID}}")
			}
		}
		return b.String()
	}
	m := &out.message
	if m.ID == "" {
		m.ID = fill(t.id)
	}
	if m.CorrelationID == "" {
		m.CorrelationID = fill(t.correlation)
	}
	if m.UserID == "" {
		m.UserID = fill(t.user)
	}
	for _, p := range t.properties {
		if m.Properties == nil {
			m.Properties = make(map[string]string)
		}
		if _, ok := m.Properties[p.name]; !ok {
			m.Properties[p.name] = fill(p.value)
		}
	}
	if t.body != nil {
		m.Body = []byte(fill(t.body))
	}
	return err
}

// tutorialBody is the message of Microsoft's tutorial: an average wind speed
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
