package cmd_test

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// part is what a process of this test's own does: the test's binary plays it. Which
// one it is, it finds in the environment.
type part struct {
	Role     string // fill, or what is done with go-amqp alone
	Address  string // of the hub
	CA       string // file; empty: no TLS
	Devices  int    // of a fleet to send to; 0: the tools' own
	Messages int
	InFlight int
	Tap      bool // not go-amqp alone
}

const partVariable = "IOTHUB_C2D_BENCH"

// endless is a queue that is never full.
const endless = 1 << 30

// command returns the process that plays a part.
func (p part) command(t *testing.T) *exec.Cmd {
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), partVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	return cmd
}

// benchHub is a hub in a process of its own.
type benchHub struct {
	*running
	Address string
	CA      string // file
}

// hub starts a hub. It is of the older generation, which go-amqp can send to.
func (b *bench) hub(args ...string) *benchHub {
	b.t.Helper()
	h := &benchHub{CA: filepath.Join(b.t.TempDir(), "ca.pem")}
	if !slices.Contains(args, "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	args = append([]string{"hub", "--gateway", "v1", "--ca-out", h.CA}, args...)
	h.running = b.run(exec.CommandContext(b.t.Context(), filepath.Join(binaries, "simulated-device"), args...))
	_, h.Address, _ = strings.Cut(strings.TrimSuffix(h.await(b.t, "is ready at "), "."), "is ready at ")
	return h
}

// hubOf starts a hub with one device, which has room for so many messages.
func (b *bench) hubOf(queue int) *benchHub {
	b.t.Helper()
	return b.hub("--max-queue", strconv.Itoa(queue))
}

// emptied returns f, before which the queue of the first device is emptied.
func (h *benchHub) emptied(b *bench, f func() result) func() result {
	return func() result {
		if _, err := iothub.Purge(b.t.Context(), defaults.ServiceString(h.Address), defaults.DeviceID, nil); err != nil {
			b.t.Fatal(err)
		}
		return f()
	}
}

// play has a part played, and measures it.
func (b *bench) play(p part, hub *benchHub, tls bool) result {
	b.t.Helper()
	p.Address = hub.Address
	if tls {
		p.CA = hub.CA
	}
	cmd := p.command(b.t)
	began := time.Now()
	out, err := cmd.Output()
	r := result{took: time.Since(began)}
	if err != nil {
		b.t.Fatalf("%s: %v", p.Role, err)
	}
	if len(out) > 0 {
		if err := json.Unmarshal(out, &r.figures); err != nil {
			b.t.Fatalf("%s: %v", p.Role, err)
		}
	}
	return r
}

// settings returns the tools' settings for the hub.
func (h *benchHub) settings(tls bool) []string {
	p := part{Address: h.Address}
	if tls {
		p.CA = h.CA
	}
	service := p.over(defaults.ServiceString(h.Address))
	device := p.over(defaults.DeviceString(h.Address, defaults.DeviceID, defaults.Key()))
	return append(os.Environ(), "IOTHUB_CONNECTION_STRING="+service.Reveal(),
		"IOTHUB_DEVICE_CONNECTION_STRING="+device.Reveal(), "IOTHUB_DEVICE_ID="+defaults.DeviceID)
}

// toolCommand returns the process of a tool, whose output nobody reads.
func (b *bench) toolCommand(hub *benchHub, tls bool, tool string, args ...string) *exec.Cmd {
	if tls {
		args = append([]string{"--ca-file", hub.CA}, args...)
	}
	cmd := exec.CommandContext(b.t.Context(), filepath.Join(binaries, tool), args...)
	cmd.Env = hub.settings(tls)
	return cmd
}

// tool runs a tool, and measures it.
func (b *bench) tool(hub *benchHub, tls bool, tool string, args ...string) result {
	b.t.Helper()
	cmd := b.toolCommand(hub, tls, tool, args...)
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("%s: %v", tool, err)
	}
	return result{took: time.Since(began)}
}

// running is a tool that runs beside what is measured.
type running struct {
	cmd    *exec.Cmd
	stderr *bufio.Scanner
}

func (b *bench) run(cmd *exec.Cmd) *running {
	b.t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	return &running{cmd, bufio.NewScanner(stderr)}
}

// await waits until the tool has said something on standard error, and returns the
// line.
func (r *running) await(t *testing.T, text string) string {
	t.Helper()
	for r.stderr.Scan() {
		if strings.Contains(r.stderr.Text(), text) {
			return r.stderr.Text()
		}
	}
	t.Fatalf("it never said %q", text)
	return ""
}

func (r *running) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGINT) // it may have ended
	_ = r.cmd.Wait()                         // by the signal
}

// over returns a connection string for the part's transport.
func (p part) over(cs sas.ConnectionString) sas.ConnectionString {
	if p.CA != "" {
		_, port, _ := net.SplitHostPort(p.Address)
		cs.HostName, cs.UseDevelopmentEmulator = "localhost:"+port, false
	}
	return cs
}

// options returns the options of a client that trusts the part's CA.
func (p part) options() *iothub.Options {
	if p.CA == "" {
		return nil
	}
	return &iothub.Options{TLS: p.tls()}
}
