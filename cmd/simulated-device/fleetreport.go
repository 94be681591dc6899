package main

import (
	"fmt"
	"time"

	"iothub-c2d/internal/console"
)

// fleetStatus is how the devices of a fleet are.
type fleetStatus struct {
	devices, connected int
	refused, displaced int // for good
	returns            int // of devices that had lost their links
}

// String returns how many devices are connected.
func (s fleetStatus) String() string {
	if s.connected < s.devices {
		return fmt.Sprintf("%d of %d devices", s.connected, s.devices)
	}
	return console.Count(s.devices, "device")
}

// fleetTotals are what the summary of a fleet has beside that of a device.
type fleetTotals struct {
	Devices   int            `json:"devices"`
	Connected int            `json:"connected"`
	Refused   int            `json:"refused"`
	Displaced int            `json:"displaced"`
	Returns   int            `json:"returns"`
	PerSecond float64        `json:"perSecond"`
	Latency   latencySummary `json:"latencyMs"`
}

// latencySummary says within how many milliseconds messages came: half of them, 95 %
// and all.
type latencySummary struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
}

// fleetTotals returns the totals of a fleet, nil for one device.
func (p *printer) fleetTotals() *fleetTotals {
	if p.status == nil {
		return nil
	}
	s, l := p.status(), &p.latencies
	milliseconds := func(percent int) float64 { return float64(l.percentile(percent).Microseconds()) / 1000 }
	return &fleetTotals{
		s.devices, s.connected, s.refused, s.displaced, s.returns, p.perSecond(),
		latencySummary{milliseconds(50), milliseconds(95), milliseconds(100)},
	}
}

// perSecond returns how many messages came in a second, from the first to the last.
func (p *printer) perSecond() float64 {
	passed := p.at.Sub(time.Unix(0, p.began.Load()))
	if p.total < 2 || passed <= 0 {
		return 0
	}
	return float64(p.total-1) / passed.Seconds()
}

// fleetProgress says how many devices are connected, nothing for one device.
func (p *printer) fleetProgress() string {
	if p.status == nil {
		return ""
	}
	return p.status().String() + ", "
}

// fleetSummary prints the totals of a fleet.
func (p *printer) fleetSummary() {
	if p.status == nil {
		return
	}
	s := p.status()
	line := p.console.ErrLine().Add("%s connected", s)
	back := "times back after an outage"
	if s.returns == 1 {
		back = "time back after an outage"
	}
	for _, part := range []struct {
		n    int
		mood console.Mood
		what string
	}{{s.refused, console.Bad, "refused"}, {s.displaced, console.Fair, "displaced"}, {s.returns, console.Fair, back}} {
		if part.n > 0 {
			line.Add(", ").Outcome(part.mood, "%d %s", part.n, part.what)
		}
	}
	if p.total > 1 {
		line.Add("; %.0f messages/s; delivered after %s (half), %s (95 %%), %s (all)", p.perSecond(),
			console.Span(p.latencies.percentile(50)), console.Span(p.latencies.percentile(95)), console.Span(p.latencies.percentile(100)))
	}
	p.console.NoteText(line.Add("."))
}
