package cmd_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/defaults"
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
	b := &bench{turns: *turns}
	for _, tls := range []bool{true, false} {
		b.part(t, "sending "+transport(tls), func() { b.measureSending(tls) })
		b.part(t, "receiving "+transport(tls), func() { b.measureReceiving(tls) })
		b.part(t, "round trip "+transport(tls), func() { b.measureRoundTrip(tls) })
		b.part(t, "feedback "+transport(tls), func() { b.measureFeedback(tls) })
	}
	b.part(t, "devices", b.measureDevices)
	b.part(t, "fleet", b.measureFleet)
	b.part(t, "data", b.measureData)
	b.part(t, "start", b.measureStart)
	b.part(t, "codec", b.measureCodec)
	if *tableFile == "" {
		return
	}
	if err := os.WriteFile(*tableFile, []byte(b.table()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// part measures one subject, unless -run leaves it out.
func (b *bench) part(t *testing.T, name string, measure func()) {
	t.Run(name, func(t *testing.T) {
		b.t = t
		measure()
	})
}

// text is what the messages say: 256 bytes.
var text = strings.Repeat("0123456789abcdef", 16)

func (b *bench) measureSending(tls bool) {
	hub := b.hubOf(endless)
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
	hub := b.hubOf(endless)
	defer hub.stop()
	n := b.some(20_000)
	b.compare(rates(n), []string{"receive, " + transport(tls)},
		b.filled(hub, n, func() result {
			return b.tool(hub, tls, "simulated-device", "-q", "--count", strconv.Itoa(n))
		}),
		b.filled(hub, n, func() result { return b.play(part{Role: "receive", Messages: n}, hub, tls) }))
}

// filled returns receive, before which so many messages are sent.
func (b *bench) filled(hub *benchHub, n int, receive func() result) func() result {
	return func() result {
		b.play(part{Role: "fill", Messages: n, InFlight: 64}, hub, false)
		return receive()
	}
}

// measureRoundTrip measures the time from sending a message to its feedback, with
// one message after the other.
func (b *bench) measureRoundTrip(tls bool) {
	hub := b.hubOf(endless)
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
		hub := b.hubOf(queue)
		what := "send, and wait for feedback, " + transport(tls)
		if queue == 50 {
			what += ", a queue of 50"
		}
		b.measure(rates(n), []string{what}, func() result {
			device := b.run(b.toolCommand(hub, tls, "simulated-device"))
			defer device.stop()
			device.await(b.t, "Waiting for messages")
			return b.tool(hub, tls, "send-c2d", "-q", "--in-flight", "64", "--retry-queue-full", "1m", "--count", strconv.Itoa(n), text)
		})
		hub.stop()
	}
}

// measureDevices measures what it costs a hub to send to many devices.
func (b *bench) measureDevices() {
	n := b.some(40_000)
	send := func(devices int) func() result {
		return func() result {
			hub := b.hub("--devices", strconv.Itoa(devices), "--max-queue", strconv.Itoa(endless))
			defer hub.stop()
			return b.play(part{Role: "fill", Messages: n, InFlight: 64, Devices: devices}, hub, false)
		}
	}
	for _, devices := range []int{1, 100, 10_000} {
		b.compareWith("10 devices", rates(n), []string{fmt.Sprintf("send, 64 in flight, no TLS, to %d devices", devices)}, send(devices), send(10))
	}
}

// measureData measures a hub that keeps what it has on disk, beside one that does
// not: with one message at a time, and with many.
func (b *bench) measureData() {
	kept, memory := b.hub("--device", defaults.DeviceID, "--data", b.t.TempDir(), "--max-queue", strconv.Itoa(endless)), b.hubOf(endless)
	defer kept.stop()
	defer memory.stop()
	for _, m := range []struct{ inFlight, messages int }{{1, 2000}, {64, 20_000}} {
		n := b.some(m.messages)
		fill := func(hub *benchHub) func() result {
			return hub.emptied(b, func() result {
				return b.play(part{Role: "fill", Messages: n, InFlight: m.inFlight}, hub, false)
			})
		}
		b.compareWith("without --data", rates(n), []string{fmt.Sprintf("send, hub --data, %d in flight", m.inFlight)}, fill(kept), fill(memory))
	}
	n := b.some(20_000)
	receive := func(hub *benchHub) func() result {
		return b.filled(hub, n, func() result {
			return b.tool(hub, false, "simulated-device", "-q", "--count", strconv.Itoa(n))
		})
	}
	b.compareWith("without --data", rates(n), []string{"receive, hub --data"}, receive(kept), receive(memory))
}

// measureStart measures short runs, from their start to their end.
func (b *bench) measureStart() {
	hub := b.hubOf(endless)
	defer hub.stop()
	b.compare(milliseconds, []string{"a run of send-c2d --no-wait"},
		func() result { return b.tool(hub, false, "send-c2d", "-q", "--no-wait", text) },
		func() result { return b.play(part{Role: "send", Messages: 1, InFlight: 1}, hub, false) })
	for _, tool := range []string{"send-c2d", "simulated-device"} {
		b.measure(milliseconds, []string{"a run of " + tool + " --version"},
			func() result { return b.tool(hub, false, tool, "--version") })
	}
}

func transport(tls bool) string {
	if tls {
		return "TLS"
	}
	return "no TLS"
}
