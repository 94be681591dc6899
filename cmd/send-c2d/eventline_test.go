package main

import (
	"testing"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// TestEventLines wants the events that make their lines themselves to look as
// package json makes them.
func TestEventLines(t *testing.T) {
	t.Parallel()
	check := func(event any, got string) {
		t.Helper()
		want, err := console.JSON(event)
		if err != nil {
			t.Fatal(err)
		}
		if got != want+"\n" {
			t.Errorf("got  %swant %s", got, want)
		}
	}
	for i, text := range []string{"", "plain", `"quoted"`, "<\x1b&\xff>", "é"} {
		s := sentEvent{Event: "sent", N: i * 1000, DeviceID: "d" + text, MessageID: text, Size: 1 << i, SentAt: "2026-11-25T23:59:59.999Z"}
		check(s, s.line())
		s.ModuleID = "m" + text
		check(s, s.line())
		f := feedbackEvent{
			Event: "feedback", MessageID: text, Status: iothub.Status("S" + text), Description: text,
			DeviceID: text, DeviceGenerationID: "1", EnqueuedTimeUTC: text,
		}
		check(f, f.line())
		for _, latency := range []float64{0, 0.01, 0.37, 2, 1234.56, 90_000} {
			f.LatencyMS = &latency
			check(f, f.line())
		}
	}
}
