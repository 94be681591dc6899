package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/console"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id   string
		want []string
	}{
		{"device", []string{"device"}},
		{"d{0..3}", []string{"d0", "d1", "d2", "d3"}},
		{"d{7..7}x", []string{"d7x"}},
		{"d{08..11}", []string{"d08", "d09", "d10", "d11"}},
		{"d{8..010}", []string{"d008", "d009", "d010"}},
		{"{0..1}-{00..02}", []string{"0-00", "0-01", "0-02", "1-00", "1-01", "1-02"}},
		{"d{0..}", []string{"d{0..}"}}, // no device can have that id, as the check will say
		{"d{a..c}", []string{"d{a..c}"}},
	} {
		got, err := expand(nil, test.id)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, %v, want %q", test.id, got, err, test.want)
		}
	}
	for _, id := range []string{"d{3..1}", "d{0..999999999}", "{0..9999}{0..9999}"} {
		if got, err := expand(nil, id); console.Code(err) != console.ExitUsage {
			t.Errorf("%s: got %d ids, %v, want a usage error", id, len(got), err)
		}
	}
}

// TestNamedDevices reads the devices of flags and of a file.
func TestNamedDevices(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		flags []string
		file  string
		want  []string
		note  string
		err   string
	}{
		"flags":          {[]string{"b", "a{1..2}"}, "", []string{"b", "a1", "a2"}, "", ""},
		"file":           {nil, "\ufeffone\r\n\n  two \n# three\n#four\nfive", []string{"one", "two", "five"}, "", ""},
		"both, twice":    {[]string{"one", "two"}, "two\none\nthree\nthree\n", []string{"one", "two", "three"}, "3 of 6 names are left out", ""},
		"no id":          {[]string{"two words"}, "", nil, "", "that is no device id"},
		"no id in line":  {nil, "one\n\nnot one\n", nil, "", "--devices-file, line 3: that is no device id"},
		"ranges in file": {nil, "d{0..9}\n", nil, "", "line 1"},
		"empty":          {nil, "\n# nothing\n", nil, "", "names no device"},
		"long line":      {nil, strings.Repeat("x", 1<<20), nil, "", "has a line that is no device id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var errs buffer
			c := &console.Console{Err: &errs}
			m := messageFlags{devices: test.flags}
			if test.file != "" {
				m.devicesFile = filepath.Join(t.TempDir(), "devices")
				if err := os.WriteFile(m.devicesFile, []byte(test.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := m.namedDevices(t.Context(), c)
			if !slices.Equal(got, test.want) && test.err == "" {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if (err == nil) != (test.err == "") || err != nil && (!strings.Contains(err.Error(), test.err) || console.Code(err) != console.ExitUsage) {
				t.Errorf("error %v, want %q", err, test.err)
			}
			if !strings.Contains(errs.String(), test.note) || test.note == "" && errs.String() != "" {
				t.Errorf("note %q, want %q", errs.String(), test.note)
			}
		})
	}
}

// TestLedger wants those devices that have not got all that they were to get, also if
// the run has ended before.
func TestLedger(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ledger *ledger
		begun  string // devices, in order
		good   string
		want   string
	}{
		"all well":              {&ledger{devices: []string{"a", "b"}, bodies: 2}, "a b a b", "a b b a", ""},
		"one refused":           {&ledger{devices: []string{"a", "b"}, bodies: 1}, "a b", "b", "a"},
		"one of two":            {&ledger{devices: []string{"a", "b"}, bodies: 2}, "a b a b", "b b a", "a"},
		"cut short":             {&ledger{devices: []string{"a", "b", "c"}, bodies: 1}, "a", "a", "b c"},
		"cut short, lines":      {&ledger{devices: []string{"a", "b", "c"}}, "a b c a", "a b c a", "b c"},
		"nothing begun":         {&ledger{devices: []string{"a", "b"}, bodies: 1}, "", "", "a b"},
		"lines name devices":    {&ledger{}, "c a b a", "c a a", "b"},
		"lines, all well":       {&ledger{}, "c a b a", "c a a b", ""},
		"accepted and answered": {&ledger{devices: []string{"a"}, bodies: 1}, "a", "a a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := test.ledger
			l.tallies = make(map[string]*tally)
			for device := range strings.FieldsSeq(test.begun) {
				l.begin(device)
			}
			for device := range strings.FieldsSeq(test.good) {
				l.good(device)
			}
			if got := strings.Join(l.failed(), " "); got != test.want {
				t.Errorf("failed: %q, want %q", got, test.want)
			}
		})
	}
}
