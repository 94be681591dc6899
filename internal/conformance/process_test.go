//go:build linux

package conformance_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/joho/godotenv"

	"iothub-c2d/internal/conformance"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/sas"
)

// testTimeout is how long a test waits for a process.
const testTimeout = time.Minute

// process is a program that runs beside the test.
type process struct {
	cmd  *exec.Cmd
	out  watched
	done chan struct{} // closed when it has ended
}

// watched collects what a process prints, and tells when there is more.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed at the next write
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.more != nil {
		close(w.more)
		w.more = nil
	}
	return w.text.Write(p)
}

func (w *watched) read() (string, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.more == nil {
		w.more = make(chan struct{})
	}
	return w.text.String(), w.more
}

// start starts a program, which is killed when the test ends.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its result is in ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.done
	})
	return p
}

// await waits until the process has printed a text.
func (p *process) await(t *testing.T, text string) {
	t.Helper()
	over := time.After(testTimeout)
	for ended := false; ; {
		out, more := p.out.read()
		if strings.Contains(out, text) {
			return
		}
		if ended {
			t.Fatalf("ended without %q:\n%s", text, out)
		}
		select {
		case <-more:
		case <-p.done:
			ended = true // look once more
		case <-over:
			t.Fatalf("no %q in:\n%s", text, out)
		}
	}
}

// ends waits until the process has ended with an exit code.
func (p *process) ends(t *testing.T, code int) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(testTimeout):
		out, _ := p.out.read()
		t.Fatalf("it has not ended:\n%s", out)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		out, _ := p.out.read()
		t.Fatalf("exit code %d, want %d:\n%s", got, code, out)
	}
}

// hubProgram builds the program that has the local hub.
var hubProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "simulated-device")
	out, err := exec.Command("go", "build", "-o", name, "iothub-c2d/cmd/simulated-device").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

// hubProcess is a local hub that is another process, at a free port.
type hubProcess struct {
	env, ca string // files
	target  conformance.Target
}

// startHub starts a hub, and writes a file with strings as Azure prints them but for
// the port: over TLS, without a development flag.
func startHub(t *testing.T, args ...string) *hubProcess {
	t.Helper()
	name, err := hubProgram()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := &hubProcess{env: filepath.Join(dir, "hub.env"), ca: filepath.Join(dir, "ca.pem")}
	settings := filepath.Join(dir, "printed.env")
	args = append([]string{"hub", "--listen", "127.0.0.1:0", "--host", "localhost", "--ca-out", h.ca, "--env-out", settings}, args...)
	start(t, nil, name, args...).await(t, "is ready at")
	printed, err := godotenv.Read(settings)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for name, text := range printed {
		lines = append(lines, fmt.Sprintf("%s='%s'", name, strings.ReplaceAll(text, ";UseDevelopmentEmulator=true", "")))
	}
	if err := os.WriteFile(h.env, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return h.read(t)
}

// read returns the hub with its target.
func (h *hubProcess) read(t *testing.T) *hubProcess {
	t.Helper()
	settings, err := godotenv.Read(h.env)
	if err == nil {
		h.target.Service, err = sas.ParseConnectionString(settings["IOTHUB_CONNECTION_STRING"])
	}
	pem, readErr := os.ReadFile(h.ca)
	if err != nil || readErr != nil || h.target.Service.UseDevelopmentEmulator {
		t.Fatal(err, readErr, h.target.Service)
	}
	h.target.CAs = x509.NewCertPool()
	h.target.CAs.AppendCertsFromPEM(pem)
	return h
}

// devices returns the ids of the devices on the hub.
func (h *hubProcess) devices(t *testing.T) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ids, err := iothub.Devices(ctx, h.target.Service, 1000, &iothub.Options{TLS: h.target.TLS()})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestHubProcess holds every belief against a hub that is another process, in real
// time, over sockets and TLS. Only its locks are shorter than a real one's.
func TestHubProcess(t *testing.T) {
	t.Parallel()
	for _, protocol := range []iothub.Protocol{iothub.AMQP, iothub.AMQPWS} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			h := startHub(t, "--lock-timeout", "6s")
			h.target.Protocol = protocol
			report, err := conformance.Run(t.Context(), h.target, &conformance.Options{PerMinute: -1, Figures: conformance.Figures{
				Lock: 6 * time.Second, Feedback: time.Second, Soon: 4 * time.Second, Silence: 500 * time.Millisecond, Expiry: 2 * time.Second,
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
	h := startHub(t)
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
