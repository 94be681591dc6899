package console

import (
	"testing"
	"time"
)

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
