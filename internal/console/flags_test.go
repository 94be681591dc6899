package console

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func TestChoice(t *testing.T) {
	t.Parallel()
	type color string
	value := color("red")
	c := Choice(&value, "red", "green")
	if err := c.Set("green"); err != nil || value != "green" || c.String() != "green" {
		t.Errorf("got %q, %v, want green", value, err)
	}
	err := c.Set("blue")
	if want := `"blue" is not one of red, green`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if value != "green" {
		t.Errorf("got %q after an error, want green", value)
	}
	if err := c.Set(""); err == nil {
		t.Error("an empty word was taken")
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want time.Duration
	}{
		{"0", 0},
		{"10", 10 * time.Second},
		{"0.5", 500 * time.Millisecond},
		{".5", 500 * time.Millisecond},
		{"1e3", 1000 * time.Second},
		{"10s", 10 * time.Second},
		{"1h30m", 90 * time.Minute},
		{"250ms", 250 * time.Millisecond},
		{"0s", 0},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			if got, err := ParseDuration(test.text); err != nil || got != test.want {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestParseDurationErrors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "soon", "10 s", "1d", "-1", "-1s", "NaN", "Inf", "-Inf", "1e300", "9223372037", "9999999h"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestDurationString(t *testing.T) {
	t.Parallel()
	for d, want := range map[Duration]string{0: "0", Duration(time.Minute): "1m0s"} {
		if got := d.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDurationKeepsItsValueOnError(t *testing.T) {
	t.Parallel()
	d := Duration(time.Second)
	if err := d.Set("soon"); err == nil || d != Duration(time.Second) {
		t.Errorf("got %v, %v, want the old value and an error", d, err)
	}
}

func TestArgs(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{Use: "tool", Run: func(*cobra.Command, []string) {}}
	cmd.AddCommand(&cobra.Command{Use: "hub", Run: func(*cobra.Command, []string) {}})
	for _, test := range []struct {
		n    int
		args []string
		hint string // empty: no error
	}{
		{0, nil, ""},
		{1, []string{"a"}, ""},
		{0, []string{"hbu"}, "did you mean hub?"},
		{0, []string{"zzzzzz"}, "--local=HOST:PORT"},
		{1, []string{"a", "b"}, "in quotes"},
	} {
		err := Args(test.n)(cmd, test.args)
		if (err == nil) != (test.hint == "") {
			t.Errorf("%d, %q: got %v", test.n, test.args, err)
		}
		if err != nil && (codeOf(err) != ExitUsage || !strings.Contains(hintFor(err), test.hint)) {
			t.Errorf("%d, %q: got %v with hint %q, want %q", test.n, test.args, err, hintFor(err), test.hint)
		}
	}
}

func TestEmptyFlags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string // empty: no error
	}{
		{nil, ""},
		{[]string{"-c", "x", "--local"}, ""},
		{[]string{"-c", ""}, "--connection-string is empty"},
		{[]string{"--local="}, "--local is empty"},
		{[]string{"--list", "a", "--list", ""}, "--list is empty"},
	} {
		var h HubFlags
		cmd := &cobra.Command{Use: "tool"}
		h.Add(new(Console), cmd, "127.0.0.1:5672")
		cmd.Flags().StringArray("list", nil, "")
		if err := cmd.ParseFlags(test.args); err != nil {
			t.Fatal(err)
		}
		if err := checkFlags(cmd.Flags()); test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
			t.Errorf("%q: got %v, want %q", test.args, err, test.want)
		}
	}
}
