package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

func newTestPrinter(t *testing.T, c *console.Console) *printer {
	t.Helper()
	p, err := newPrinter(c, printFlags{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPrinter(t, &console.Console{Out: new(bytes.Buffer), Err: new(bytes.Buffer)})
		if got, want := p.progress(0), "0 received"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		for range 11 {
			if _, err := p.received(new(iothub.Delivery)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		for count, want := range map[int]string{0: "11 received, 9/s", 5000: "11 of 5000, 9/s"} {
			if got := p.progress(count); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}

func TestSummaryInColour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var errs bytes.Buffer
		p := newTestPrinter(t, &console.Console{Out: new(bytes.Buffer), Err: &errs, Color: console.ColorAlways})
		for range 5 {
			if _, err := p.received(new(iothub.Delivery)); err != nil {
				t.Fatal(err)
			}
		}
		p.settled(complete)
		p.settled(reject)
		p.settled(abandon)
		p.lost++
		time.Sleep(time.Minute)
		if err := p.summary(); err != nil {
			t.Fatal(err)
		}
		want := "5 received: \x1b[32m1 completed\x1b[0m, \x1b[33m1 abandoned\x1b[0m, \x1b[31m1 rejected\x1b[0m, \x1b[33m1 lost its lock\x1b[0m, \x1b[33m1 given back\x1b[0m.\n" +
			"Last message: " + time.Now().Add(-time.Minute).Format(time.ANSIC) + "\n" +
			"Actual time:  " + time.Now().Format(time.ANSIC) + "\n"
		if got := errs.String(); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestSummaryOfNothing(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	p := newTestPrinter(t, &console.Console{Err: &errs})
	if err := p.summary(); err != nil || errs.String() != "0 received.\n" || strings.Contains(errs.String(), "Last") {
		t.Errorf("got %q, %v", errs.String(), err)
	}
}

// TestSummaryCounts wants one of a thing to be told of as one.
func TestSummaryCounts(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		1: "1 received: 1 lost its lock.\n1 device connected, 1 time back after an outage.",
		2: "2 received: 2 lost their locks.\n2 devices connected, 2 times back after an outage;",
	} {
		var errs bytes.Buffer
		p := newTestPrinter(t, &console.Console{Out: new(bytes.Buffer), Err: &errs})
		p.total, p.lost = n, n
		p.status = func() fleetStatus { return fleetStatus{devices: n, connected: n, returns: n} }
		if err := p.summary(); err != nil {
			t.Fatal(err)
		}
		if got := errs.String(); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
