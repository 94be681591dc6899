package cmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// measureFleet measures many devices in one process: how long they take to connect,
// how much memory they take on both sides, and how long a message for each takes with
// its feedback. Then what a message costs, beside a fleet of ten.
func (b *bench) measureFleet() {
	n := b.some(10_000)
	const took, fleetRSS, hubRSS, each, fleetRSSAfter, reconnect, fleetRSSBack = 0, 1, 2, 3, 4, 5, 6
	what := make([]string, fleetRSSBack+1)
	what[took] = fmt.Sprintf("connect %d devices, ms", n)
	what[fleetRSS], what[hubRSS] = "memory of their process, MB", "memory of their hub, MB"
	what[each] = "a message to each with feedback, ms"
	what[fleetRSSAfter] = "memory of their process then, MB"
	what[reconnect] = "connect all again after the third restart of the hub, ms"
	what[fleetRSSBack] = "memory of their process after that, MB"
	b.measure(kind{"", "%.0f", false, func(r result) []float64 { return r.figures }}, what, func() result {
		figures := make([]float64, len(what))
		hub := b.hub("--devices", strconv.Itoa(n))
		fleet, connected := b.fleet(hub, n)
		defer fleet.stop()
		figures[took], figures[fleetRSS], figures[hubRSS] = connected.Seconds()*1000, fleet.memory(b), hub.memory(b)
		began := time.Now()
		b.sendEach(hub, n, n)
		figures[each], figures[fleetRSSAfter] = time.Since(began).Seconds()*1000, fleet.memory(b)
		for range 3 {
			hub.stop()
			began = time.Now()
			hub = b.hub("--devices", strconv.Itoa(n), "--listen", hub.Address)
			fleet.await(b.t, "connection restored after ")
			figures[reconnect] = time.Since(began).Seconds() * 1000
		}
		figures[fleetRSSBack] = fleet.memory(b)
		hub.stop()
		return result{figures: figures}
	})
	b.measureMessage(n)
}

// measureMessage compares the processor time of a message to one of many devices with
// that of a message to one of ten. It is that of the hub and of the fleet, feedback
// included.
func (b *bench) measureMessage(devices int) {
	messages := b.some(60_000)
	cost := func(n int) func() result {
		return func() result {
			hub := b.hub("--devices", strconv.Itoa(n), "--max-queue", strconv.Itoa(endless))
			defer hub.stop()
			fleet, _ := b.fleet(hub, n)
			defer fleet.stop()
			hubBegan, fleetBegan := hub.cpu(b), fleet.cpu(b)
			b.sendEach(hub, n, messages)
			perMessage := func(spent time.Duration) float64 { return float64(spent.Microseconds()) / float64(messages) }
			return result{figures: []float64{perMessage(hub.cpu(b) - hubBegan), perMessage(fleet.cpu(b) - fleetBegan)}}
		}
	}
	what := []string{fmt.Sprintf("a message among %d devices, hub", devices), fmt.Sprintf("a message among %d devices, their process", devices)}
	b.compareWith("10 devices", kind{"µs of processor", "%.1f", false, func(r result) []float64 { return r.figures }}, what, cost(devices), cost(10))
}

// fleet starts a fleet, waits until it is connected, and returns how long that took.
func (b *bench) fleet(hub *benchHub, devices int) (*running, time.Duration) {
	b.t.Helper()
	began := time.Now()
	fleet := b.run(b.toolCommand(hub, false, "simulated-device", "--devices", strconv.Itoa(devices)))
	fleet.await(b.t, "Waiting for messages")
	return fleet, time.Since(began)
}

// sendEach sends messages to the devices of a fleet in turns, and waits for their
// feedback.
func (b *bench) sendEach(hub *benchHub, devices, messages int) {
	b.t.Helper()
	var lines strings.Builder
	for n := range messages {
		fmt.Fprintf(&lines, `{"payload":%q,"deviceId":"device-%d"}`+"\n", text, n%devices)
	}
	cmd := b.toolCommand(hub, false, "send-c2d", "-q", "--jsonl", "--in-flight", "64")
	cmd.Stdin, cmd.Stderr = strings.NewReader(lines.String()), os.Stderr
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("send-c2d: %v", err)
	}
}

// memory returns how many megabytes of memory the process has.
func (r *running) memory(b *bench) float64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.cmd.Process.Pid), "status"))
	if err != nil {
		b.t.Log(err) // elsewhere than on Linux
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	text, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, _ := strconv.Atoi(text)
	return float64(kilobytes) / 1000
}

// cpu returns how much processor time the process has taken.
func (r *running) cpu(b *bench) time.Duration {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.cmd.Process.Pid), "stat"))
	if err != nil {
		b.t.Log(err) // elsewhere than on Linux
		return 0
	}
	const user, system = 11, 12 // counted from behind the name (proc(5))
	const tick = 10 * time.Millisecond
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	ticks, _ := strconv.Atoi(fields[user])
	more, _ := strconv.Atoi(fields[system])
	return time.Duration(ticks+more) * tick
}
