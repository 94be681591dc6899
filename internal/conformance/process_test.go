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
	"strings"
	"sync"
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

// buildHub builds the program that has the local hub.
func buildHub(t *testing.T) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "simulated-device")
	if out, err := exec.Command("go", "build", "-o", name, "iothub-c2d/cmd/simulated-device").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return name
}

// hubProcess is a local hub that is another process, at a free port.
type hubProcess struct {
	env, ca string // files
	target  conformance.Target
}

// startHub starts a hub, and writes a file with strings as Azure prints them but for
// the port: over TLS, without a development flag.
func startHub(t *testing.T, program string, args ...string) *hubProcess {
	t.Helper()
	dir := t.TempDir()
	h := &hubProcess{env: filepath.Join(dir, "hub.env"), ca: filepath.Join(dir, "ca.pem")}
	settings := filepath.Join(dir, "printed.env")
	args = append([]string{"hub", "--listen", "127.0.0.1:0", "--host", "localhost", "--ca-out", h.ca, "--env-out", settings}, args...)
	start(t, nil, program, args...).await(t, "is ready at")
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
	return devicesOf(ctx, t, h.target.Service, &iothub.Options{TLS: h.target.TLS()})
}
