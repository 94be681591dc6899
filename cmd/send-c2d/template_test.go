package main

import (
	"regexp"
	"testing"
)

// TestNewUUID wants UUIDs of version 4 (RFC 9562 §5.4), none twice.
func TestNewUUID(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := make(map[string]bool)
	for range 1000 {
		u := newUUID()
		if !form.MatchString(u) || seen[u] {
			t.Fatalf("%q is no new UUID of version 4", u)
		}
		seen[u] = true
	}
}

// TestUUIDOfMessage wants one UUID in all parts of a message, also as the id that
// nothing else gives, and another in the next.
func TestUUIDOfMessage(t *testing.T) {
	t.Parallel()
	body, err := parsePattern("MESSAGE", "{{.UUID}} {{.N}}")
	if err != nil {
		t.Fatal(err)
	}
	patterns := &templates{body: body, properties: []propertyPattern{{"u", &pattern{template: body.template}}, {"same", &pattern{text: "x"}}}}
	var ids []string
	for n := range 2 {
		out := outgoing{n: n, device: "d"}
		if err := patterns.fill(&out); err != nil {
			t.Fatal(err)
		}
		m := out.message
		want := m.ID + " " + string(rune('0'+n))
		if string(m.Body) != want || m.Properties["u"] != want || m.Properties["same"] != "x" {
			t.Errorf("body %q, properties %v, want %q", m.Body, m.Properties, want)
		}
		ids = append(ids, m.ID)
	}
	if ids[0] == ids[1] {
		t.Errorf("both messages have the id %s", ids[0])
	}
}
