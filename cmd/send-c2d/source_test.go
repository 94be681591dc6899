package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

func TestParseExpiry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		text string
		want time.Time // zero: an error
	}{
		{"2026-06-01T12:00:01Z", now.Add(time.Second)},
		{"2026-06-01T14:00:01+02:00", now.Add(time.Second)},
		{"2026-06-01T12:00:00.5Z", now.Add(time.Second / 2)},
		{"1780315201000", now.Add(time.Second)},
		{"2026-06-01T12:00:00Z", time.Time{}},
		{"2026-06-01T11:59:59Z", time.Time{}},
		{"1780315200", time.Time{}}, // seconds, not milliseconds
		{"-1", time.Time{}},
		{"0", time.Time{}},
		{"", time.Time{}},
		{"2026-06-02", time.Time{}},
		{"1h", time.Time{}},
	} {
		got, err := parseExpiry(test.text, now)
		if (err != nil) != test.want.IsZero() || err == nil && !got.Equal(test.want) {
			t.Errorf("%q: got %v, %v, want %v", test.text, got, err, test.want)
		}
	}
}

// newSource returns a source with the flags and arguments.
func newSource(t *testing.T, stdin string, args ...string) *source {
	t.Helper()
	var s source
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	s.addFlags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	s.arguments = f.Args()
	if len(s.devices) == 0 {
		s.devices = []string{"d"}
	}
	if err := s.prepare(strings.NewReader(stdin)); err != nil {
		t.Fatal(err)
	}
	return &s
}

// all collects what a source yields.
func all(t *testing.T, s *source) (list []outgoing) {
	t.Helper()
	for out, err := range s.messages() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, out)
	}
	return list
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	s := newSource(t, "", "--count", "2", "-d", "a", "-d", "b",
		"--message-id", "{{.Device}}{{.N}}", "--correlation-id", "c{{.N}}", "-p", "n={{.N}}", "-p", "plain=x",
		`{{.N}}{{"{{"}}}}`)
	var got []string
	for _, out := range all(t, s) {
		m := out.message
		got = append(got, strings.Join([]string{out.device, m.ID, m.CorrelationID, m.Properties["n"], m.Properties["plain"], string(m.Body)}, " "))
	}
	want := []string{"a a0 c0 0 x 0{{}}", "b b0 c0 0 x 0{{}}", "a a1 c1 1 x 1{{}}", "b b1 c1 1 x 1{{}}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTemplateFacts(t *testing.T) {
	t.Parallel()
	first := all(t, newSource(t, "", "--count", "2", "{{.UUID}} {{.Now}}"))
	seen := make(map[string]bool)
	for _, out := range first {
		uuid, now, _ := strings.Cut(string(out.message.Body), " ")
		if out.message.ID != uuid || len(uuid) != 36 || uuid[14] != '4' || seen[uuid] {
			t.Errorf("UUID %q, id %q", uuid, out.message.ID)
		}
		seen[uuid] = true
		if _, err := time.Parse(time.RFC3339Nano, now); err != nil {
			t.Error(err)
		}
	}
}

func TestBodiesThatAreNoTemplates(t *testing.T) {
	t.Parallel()
	const text = "{{.Nothing"
	for name, s := range map[string]*source{
		"lines":  newSource(t, text, "--lines"),
		"file":   newSource(t, text, "--file", "-"),
		"base64": newSource(t, "", "--base64", "e3suTm90aGluZw=="),
		"jsonl":  newSource(t, `{"payload":"`+text+`"}`, "--jsonl"),
	} {
		if got := all(t, s); len(got) != 1 || string(got[0].message.Body) != text {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		input string
		args  []string
		want  []string
	}{
		{"", nil, nil},
		{"a", nil, []string{"a"}},
		{"a\n", nil, []string{"a"}},
		{"a\n\nb\r\n", nil, []string{"a", "", "b"}},
		{"\n", nil, []string{""}},
		{"a\nb\nc\n", []string{"--count", "2"}, []string{"a", "b"}},
		{"YQ==\n", []string{"--base64"}, []string{"a"}},
	} {
		var got []string
		for _, out := range all(t, newSource(t, test.input, append(test.args, "--lines")...)) {
			got = append(got, string(out.message.Body))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q %q (-want +got):\n%s", test.input, test.args, diff)
		}
	}
}

func TestLineTooLong(t *testing.T) {
	t.Parallel()
	s := newSource(t, strings.Repeat("x", 5*maxInput), "--lines")
	for _, err := range s.messages() {
		if err == nil {
			t.Error("a line of a megabyte was taken")
		}
	}
}

func TestTTLCountsFromEachMessage(t *testing.T) {
	t.Parallel()
	before := time.Now()
	for _, out := range all(t, newSource(t, "", "--ttl", "1h", "--count", "2", "x")) {
		if got := out.message.Expiry; got.Before(before.Add(time.Hour)) || got.After(time.Now().Add(time.Hour)) {
			t.Errorf("got %v", got)
		}
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	var r report
	for i := range 100 {
		r.latencies = append(r.latencies, time.Duration(100-i))
	}
	for p, want := range map[int]time.Duration{0: 1, 1: 1, 50: 50, 95: 95, 100: 100} {
		if got := r.percentile(p); got != want {
			t.Errorf("%d: got %d, want %d", p, got, want)
		}
	}
	for _, p := range []int{0, 50, 100} {
		if got := (&report{latencies: []time.Duration{7}}).percentile(p); got != 7 {
			t.Errorf("%d of one: got %d, want 7", p, got)
		}
	}
	two := report{latencies: []time.Duration{20, 10}}
	if half, most := two.percentile(50), two.percentile(95); half != 10 || most != 20 {
		t.Errorf("of two: got %d and %d, want 10 and 20", half, most)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		statuses map[iothub.Status]int
		ok       bool
	}{
		{nil, true},
		{map[iothub.Status]int{iothub.Success: 3}, true},
		{map[iothub.Status]int{iothub.Success: 3, iothub.Rejected: 1}, false},
		{map[iothub.Status]int{iothub.Expired: 1}, false},
		{map[iothub.Status]int{iothub.DeliveryCountExceeded: 1}, false},
		{map[iothub.Status]int{iothub.Purged: 1}, false},
		{map[iothub.Status]int{"Unheard": 1}, false},
	} {
		r := report{statuses: test.statuses}
		if err := r.verdict(); (err == nil) != test.ok {
			t.Errorf("%v: got %v", test.statuses, err)
		}
	}
}

func TestWriteErrorIsAnError(t *testing.T) {
	t.Parallel()
	r := report{console: &console.Console{Out: failingWriter{}}, settings: &console.Settings{}}
	if err := r.sent(outgoing{}); err == nil {
		t.Error("a write that failed went unnoticed")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("full") }
