package cmd_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

var (
	turns     = flag.Int("turns", 0, "how often TestBench measures each figure; 0: once, and of little")
	tableFile = flag.String("table", "", "`FILE` that TestBench writes its table to")
)

// TestBench measures the tools, and programs that do the same with nothing but
// go-amqp, in turns and against the same hub: seconds differ from machine to
// machine, and from minute to minute, ratios hardly. Each is a process of its own,
// and measured whole.
func TestBench(t *testing.T) {
	b := &bench{t: t, turns: *turns}
	for _, tls := range []bool{true, false} {
		b.measureSending(tls)
		b.measureReceiving(tls)
		b.measureRoundTrip(tls)
		b.measureFeedback(tls)
	}
	b.measureDevices()
	b.measureStart()
	b.measureCodec()
	if *tableFile == "" {
		return
	}
	if err := os.WriteFile(*tableFile, []byte(b.table()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// text is what the messages say: 256 bytes.
var text = strings.Repeat("0123456789abcdef", 16)

func (b *bench) measureSending(tls bool) {
	hub := b.hub(1, endless)
	defer hub.stop()
	for _, m := range []struct{ inFlight, messages int }{{1, 6000}, {16, 30_000}, {64, 40_000}} {
		n := b.some(m.messages)
		ours := hub.emptied(b, func() result {
			return b.tool(hub, tls, "send-c2d", "-q", "--no-wait", "--ack", "none",
				"--in-flight", strconv.Itoa(m.inFlight), "--count", strconv.Itoa(n), text)
		})
		bare := part{Role: "send", Messages: n, InFlight: m.inFlight}
		tapped := bare
		tapped.Tap = true
		what := fmt.Sprintf("send, %d in flight, %s", m.inFlight, transport(tls))
		play := func(p part) func() result { return hub.emptied(b, func() result { return b.play(p, hub, tls) }) }
		b.compare(rates(n), []string{what}, ours, play(bare))
		if m.inFlight == 64 {
			b.compare(rates(n), []string{what + ", go-amqp on the tap"}, play(tapped), play(bare))
		}
	}
}

// measureReceiving compares programs of which one waits until the hub confirms each
// settlement, and go-amqp alone for nothing.
func (b *bench) measureReceiving(tls bool) {
	hub := b.hub(1, endless)
	defer hub.stop()
	n := b.some(20_000)
	filled := func(receive func() result) func() result {
		return func() result {
			b.play(part{Role: "fill", Messages: n, InFlight: 64, Devices: 1}, hub, false)
			return receive()
		}
	}
	b.compare(rates(n), []string{"receive, " + transport(tls)},
		filled(func() result {
			return b.tool(hub, tls, "simulated-device", "-q", "--count", strconv.Itoa(n))
		}),
		filled(func() result { return b.play(part{Role: "receive", Messages: n}, hub, tls) }))
}

// measureRoundTrip measures the time from sending a message to its feedback, with
// one message after the other.
func (b *bench) measureRoundTrip(tls bool) {
	hub := b.hub(1, endless)
	defer hub.stop()
	n := b.some(2000)
	var what []string
	for _, percentile := range []string{"half", "95 %", "99 %"} {
		what = append(what, fmt.Sprintf("round trip with feedback, %s, %s within", transport(tls), percentile))
	}
	b.compare(milliseconds, what,
		func() result { return b.play(part{Role: "round trip", Messages: n, Tap: true}, hub, tls) },
		func() result { return b.play(part{Role: "round trip", Messages: n}, hub, tls) })
}

// measureFeedback measures a run that waits for its feedback, beside a device.
func (b *bench) measureFeedback(tls bool) {
	n := b.some(5000)
	for _, queue := range []int{50, endless} {
		hub := b.hub(1, queue)
		what := "send, and wait for feedback, " + transport(tls)
		if queue == 50 {
			what += ", a queue of 50"
		}
		b.compare(rates(n), []string{what}, func() result {
			device := b.run(b.toolCommand(hub, tls, "simulated-device"))
			defer device.stop()
			device.await(b.t, "Waiting for messages")
			return b.tool(hub, tls, "send-c2d", "-q", "--in-flight", "64", "--retry-queue-full", "1m", "--count", strconv.Itoa(n), text)
		}, nil)
		hub.stop()
	}
}

// measureDevices measures what many devices cost a hub.
func (b *bench) measureDevices() {
	n := b.some(40_000)
	for _, devices := range []int{1, 100, 10_000} {
		hub := b.hub(devices, endless)
		b.compare(rates(n), []string{fmt.Sprintf("send, 64 in flight, no TLS, to %d devices", devices)},
			func() result {
				return b.play(part{Role: "fill", Messages: n, InFlight: 64, Devices: devices}, hub, false)
			}, nil)
		hub.stop()
	}
}

// measureStart measures short runs, from their start to their end.
func (b *bench) measureStart() {
	hub := b.hub(1, endless)
	defer hub.stop()
	b.compare(milliseconds, []string{"a run of send-c2d --no-wait"},
		func() result { return b.tool(hub, false, "send-c2d", "-q", "--no-wait", text) },
		func() result { return b.play(part{Role: "send", Messages: 1, InFlight: 1}, hub, false) })
	for _, tool := range []string{"send-c2d", "simulated-device"} {
		b.compare(milliseconds, []string{"a run of " + tool + " --version"},
			func() result { return b.tool(hub, false, tool, "--version") }, nil)
	}
}

func transport(tls bool) string {
	if tls {
		return "TLS"
	}
	return "no TLS"
}
