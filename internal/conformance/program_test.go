//go:build linux

package conformance_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iothub-c2d/internal/conformance"
	"iothub-c2d/internal/iothub"
)

// TestHubProcess holds every belief against a hub that is another process, in real
// time, over sockets and TLS. Only its locks are shorter than a real one's.
func TestHubProcess(t *testing.T) {
	t.Parallel()
	program := buildHub(t)
	for _, protocol := range []iothub.Protocol{iothub.AMQP, iothub.AMQPWS} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			h := startHub(t, program, "--lock-timeout", "12s")
			h.target.Protocol = protocol
			report, err := conformance.Run(t.Context(), h.target, &conformance.Options{PerMinute: -1, Figures: conformance.Figures{
				Lock: 12 * time.Second, Feedback: time.Second, Soon: 6 * time.Second, Silence: 500 * time.Millisecond, Expiry: 4 * time.Second,
			}})
			if err != nil {
				t.Fatal(err)
			}
			checkDiffering(t, report, nil)
			if ids := h.devices(t); !slices.Equal(ids, []string{"myFirstDevice"}) {
				t.Errorf("the devices are %q", ids)
			}
		})
	}
}

// TestProgram checks what `make conformance` runs: it asks first, and removes what it
// has made when it is interrupted.
func TestProgram(t *testing.T) {
	t.Parallel()
	h := startHub(t, buildHub(t))
	report := filepath.Join(t.TempDir(), "report")
	run := func(env ...string) *process {
		return start(t, env, os.Args[0], "-env", h.env, "-ca", h.ca, "-out", report)
	}
	asks := run("CONFIRM=")
	asks.ends(t, 0)
	if out, _ := asks.out.read(); !strings.Contains(out, "CONFIRM=yes") || !strings.Contains(out, "against the hub 127.0.0.1") {
		t.Errorf("it prints\n%s", out)
	}
	interrupted := run("CONFIRM=yes")
	interrupted.await(t, "0 of ")
	for len(h.devices(t)) < 2 { // it is about to make some
		select {
		case <-interrupted.done:
			t.Fatal("it ended without a device")
		default:
		}
	}
	if err := interrupted.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	interrupted.ends(t, 130)
	if ids := h.devices(t); !slices.Equal(ids, []string{"myFirstDevice"}) {
		t.Errorf("the devices are %q", ids)
	}
	for _, name := range []string{report + ".md", report + ".json"} {
		b, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(b), "the run was interrupted") {
			t.Errorf("%s: %v\n%s", name, err, b)
		}
	}
}

// TestProgramMistakes checks that what cannot work is said in one line.
func TestProgramMistakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, test := range []struct{ name, env, want string }{
		{"no strings", "IOTHUB_DEVICE_ID=d", "has neither IOTHUB_CONNECTION_STRING nor IOTHUB_DEVICE_CONNECTION_STRING"},
		{"a bad string", "IOTHUB_CONNECTION_STRING='HostName=h'", "IOTHUB_CONNECTION_STRING: connection string: "},
	} {
		file := filepath.Join(dir, strings.ReplaceAll(test.name, " ", "-"))
		if err := os.WriteFile(file, []byte(test.env), 0o600); err != nil {
			t.Fatal(err)
		}
		p := start(t, nil, os.Args[0], "-env", file)
		p.ends(t, 2)
		if out, _ := p.out.read(); !strings.Contains(out, test.want) || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: it prints\n%s", test.name, out)
		}
	}
	p := start(t, nil, os.Args[0], "-env", filepath.Join(dir, "missing"))
	p.ends(t, 2)
}
