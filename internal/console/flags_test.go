package console

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
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

func TestRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rate{"1.6": 1.6, "100": 100, "1e3": 1000, ".5": .5, "0": 0, "-1": 0, "NaN": 0, "Inf": 0, "1e9": 0, "fast": 0, "": 0} {
		var r Rate
		if err := r.Set(text); r != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %v, %v, want %v", text, r, err, want)
		}
	}
	if r := Rate(1.6); r.String() != "1.6" {
		t.Errorf("printed as %s, want 1.6", r.String())
	}
}

func TestPositive(t *testing.T) {
	t.Parallel()
	var p Positive
	for text, want := range map[string]string{
		"1": "", "500": "", "0": `"0" is not a positive number`, "-1": `"-1" is not a positive number`, "x": "invalid syntax",
	} {
		if err := p.Set(text); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestAlias(t *testing.T) {
	t.Parallel()
	f := pflag.NewFlagSet("tool", pflag.ContinueOnError)
	name := f.String("long-name", "", "")
	other := f.String("other", "", "")
	Alias(f, map[string]string{"ln": "long-name"})
	Alias(f, map[string]string{"o": "other"})
	if err := f.Parse([]string{"--ln", "a", "--o", "b"}); err != nil || *name != "a" || *other != "b" {
		t.Errorf("got %q, %q, %v", *name, *other, err)
	}
}
