package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
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

// sourceOf returns a source with the flags and arguments.
func sourceOf(t *testing.T, stdin string, args ...string) *source {
	t.Helper()
	var m messageFlags
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	m.add(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	m.arguments = f.Args()
	if len(m.devices) == 0 {
		m.devices = []string{"d"}
	}
	s, err := newSource(t.Context(), &console.Console{In: strings.NewReader(stdin)}, m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// all collects what a source yields.
func all(t *testing.T, s *source) (list []outgoing) {
	t.Helper()
	for out, err := range s.all() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, out)
	}
	return list
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	s := sourceOf(t, "", "--count", "2", "-d", "a", "-d", "b",
		"--message-id", "{{.Device}}{{.N}}", "--correlation-id", "c{{.N}}", "--user-id", "u{{.N}}", "-p", "n={{.N}}", "-p", "plain=x",
		`{{.N}}{{"{{"}}}}`)
	var got []string
	for _, out := range all(t, s) {
		m := out.message
		got = append(got, strings.Join([]string{out.device, m.ID, m.CorrelationID, m.UserID, m.Properties["n"].(string), m.Properties["plain"].(string), string(m.Body)}, " "))
	}
	want := []string{"a a0 c0 u0 0 x 0{{}}", "b b0 c0 u0 0 x 0{{}}", "a a1 c1 u1 1 x 1{{}}", "b b1 c1 u1 1 x 1{{}}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTemplateFacts(t *testing.T) {
	t.Parallel()
	first := all(t, sourceOf(t, "", "--count", "2", "{{.UUID}} {{.Now}}"))
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
		"lines":  sourceOf(t, text, "--lines"),
		"file":   sourceOf(t, text, "--file", "-"),
		"base64": sourceOf(t, "", "--base64", "e3suTm90aGluZw=="),
		"jsonl":  sourceOf(t, `{"payload":"`+text+`"}`, "--jsonl"),
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
		for _, out := range all(t, sourceOf(t, test.input, append(test.args, "--lines")...)) {
			got = append(got, string(out.message.Body))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q %q (-want +got):\n%s", test.input, test.args, diff)
		}
	}
}

// failure returns the error that ends a source.
func failure(s *source) error {
	for _, err := range s.all() {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestBadLinesAreNamed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5*maxBody)
	for _, test := range []struct{ name, input, flag, want string }{
		{"too long", "x\n" + long, "--lines", "line 2 has more than 1048576 bytes"},
		{"too long in JSON", "\n" + `{"payload":"` + long + `"}`, "--jsonl", "line 2 has more than 1048576 bytes"},
		{"passed over before", "\n" + `{"event":"summary"}` + "\n{\n", "--jsonl", "line 3: not a message in JSON: unexpected EOF"},
		{"messages before", `{"payload":""}` + "\n{\n", "--jsonl", "line 2: not a message in JSON: unexpected EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := failure(sourceOf(t, test.input, test.flag)); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	got := all(t, sourceOf(t, "\uFEFF"+`{"payload":"x"}`, "--jsonl"))
	if len(got) != 1 || string(got[0].message.Body) != "x" {
		t.Errorf("got %+v", got)
	}
}

func TestOnlyText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string // "": fine
	}{
		{[]string{"--message-id", "\xf6"}, "the message id is not UTF-8"},
		{[]string{"--correlation-id", "\xf6"}, "the correlation id is not UTF-8"},
		{[]string{"--correlation-id", `{{"\xf6"}}`}, "the correlation id is not UTF-8"},
		{[]string{"--user-id", "\xf6"}, "the user id is not UTF-8"},
		{[]string{"--content-type", "\xf6"}, "the content type is not UTF-8"},
		{[]string{"--content-type", "ö"}, `the content type "ö" is not ASCII`},
		{[]string{"--content-encoding", "ö"}, `the content encoding "ö" is not ASCII`},
		{[]string{"-p", "name=J\xf6rg"}, `the property "name" is not UTF-8`},
		{[]string{"-p", "n\xf6=x"}, `the property "n\xf6" is not UTF-8`},
		{[]string{"--message-id", "ö", "--user-id", "ö", "-p", "ö=ö"}, ""},
	} {
		err := failure(sourceOf(t, "", append(test.args, "body \xf6")...))
		if (err == nil) != (test.want == "") || err != nil && err.Error() != "invalid message: "+test.want {
			t.Errorf("%q: got %v, want %s", test.args, err, test.want)
		}
	}
}

func TestRepeatsIDs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want bool
	}{
		{nil, false},
		{[]string{"--message-id", "m"}, true},
		{[]string{"--message-id", "m{{.N}}"}, true},
		{[]string{"--message-id", "m-{{.UUID}}"}, false},
		{[]string{"--jsonl"}, true},
	} {
		if got := sourceOf(t, "", test.args...).repeatsIDs; got != test.want {
			t.Errorf("%q: got %v, want %v", test.args, got, test.want)
		}
	}
}

func TestTTLCountsFromEachMessage(t *testing.T) {
	t.Parallel()
	before := time.Now()
	for _, out := range all(t, sourceOf(t, "", "--ttl", "1h", "--count", "2", "x")) {
		if got := out.message.Expiry; got.Before(before.Add(time.Hour)) || got.After(time.Now().Add(time.Hour)) {
			t.Errorf("got %v", got)
		}
	}
}

// TestInFlight wants several messages under way by default only if none of them has
// another before it.
func TestInFlight(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		planned int // for each device; 0: it is not known
		devices []string
		want    int
	}{
		{1, []string{"one"}, 1},
		{1, []string{"one", "two"}, 16},
		{2, []string{"one", "two"}, 1},
		{0, []string{"one", "two"}, 1},
	} {
		s := source{devices: tt.devices, input: input{planned: tt.planned}}
		if got := s.inFlight(); got != tt.want {
			t.Errorf("%d messages for each of %v: %d in flight, want %d", tt.planned, tt.devices, got, tt.want)
		}
	}
}
