package main

import (
	"strings"
	"testing"

	"iothub-c2d/internal/console"
)

func TestDeviceIDs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		template string
		n        int
		want     string // joined with spaces; empty: a usage error
		ranged   string // as send-c2d takes them; empty: there is no such form
	}{
		{defaultTemplate, 1, "device-0", "device-0"},
		{defaultTemplate, 3, "device-0 device-1 device-2", "'device-{0..2}'"},
		{"{{.N}}", 2, "0 1", "'{0..1}'"},
		{"a{{.N}}b", 2, "a0b a1b", "'a{0..1}b'"},
		{`{{printf "%02d" .N}}`, 2, "00 01", ""},
		{"same", 1, "same", "same"},
		{"same", 2, "", ""},
		{"{{.M}}", 1, "", ""},
		{"{{", 1, "", ""},
		{"", 1, "", ""},
		{"two words {{.N}}", 1, "", ""},
		{strings.Repeat("x", 128) + "{{.N}}", 1, "", ""},
	} {
		ids, err := deviceIDs(test.template, test.n)
		if got := strings.Join(ids, " "); err == nil && got != test.want {
			t.Errorf("%q makes %q, want %q", test.template, got, test.want)
		}
		if wanted := test.want != ""; (err == nil) != wanted || err != nil && console.Code(err) != console.ExitUsage {
			t.Errorf("%q: error %v, want one: %v", test.template, err, !wanted)
		}
		if got := idRange(test.template, test.n); err == nil && got != test.ranged {
			t.Errorf("%q ranges over %s, want %s", test.template, got, test.ranged)
		}
	}
}
