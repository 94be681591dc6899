//go:build linux

package cmd_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: start NAME TEXT CMD...")
	}
	start(ts, args[0], args[1], args[2:])
}

// start starts a command in the background; it is interrupted when the script
// ends.
func start(ts *testscript.TestScript, name, text string, argv []string) *process {
	return track(ts, name, text, launch(ts, lookPath(ts, argv[0]), argv[1:]...))
}

// track waits until text appears in the output of p. It interrupts p when the
// script ends.
func track(ts *testscript.TestScript, name, text string, p *process) *process {
	ts.Value(processesKey{}).(processes)[name] = p
	ts.Defer(func() {
		_ = p.cmd.Process.Signal(syscall.SIGCONT) // it may be stopped, and may have ended
		_ = p.cmd.Process.Signal(syscall.SIGINT)
		<-p.done
	})
	ts.Check(p.await(text))
	return p
}

func cmdUnread(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: unread NAME TEXT CMD...")
	}
	r, w, err := os.Pipe()
	ts.Check(err)
	ts.Defer(func() { _ = r.Close() })
	defer w.Close()
	ts.Check(fill(w))
	p := newProcess(ts, filepath.Join(binaries, args[2]), args[3:]...)
	p.cmd.Stdout = w
	p.run(ts)
	track(ts, args[0], args[1], p)
}

// fill writes to a pipe until it takes no more.
func fill(w *os.File) error {
	conn, err := w.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Write(func(fd uintptr) bool {
		for {
			if _, err := syscall.Write(int(fd), make([]byte, 1<<10)); err != nil {
				return true // EAGAIN
			}
		}
	})
}

// launch runs a command in a process group of its own.
func launch(ts *testscript.TestScript, path string, args ...string) *process {
	p := newProcess(ts, path, args...)
	p.run(ts)
	return p
}

func newProcess(ts *testscript.TestScript, path string, args ...string) *process {
	p := &process{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = environment(ts)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	return p
}

func (p *process) run(ts *testscript.TestScript) {
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // its result is in ProcessState
		p.ended = time.Now()
		close(p.done)
	}()
}

func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"HOME", "PATH", "PS1", "TMPDIR", "WORK", "NO_COLOR", "GORACE",
		"IOTHUB_DEVICE_CONNECTION_STRING", "IOTHUB_CONNECTION_STRING", "IOTHUB_SERVICE_CONNECTION_STRING", "IOTHUB_DEVICE_ID",
		"IOTHUB_HOST", "IOTHUB_TOKEN_COMMAND", "HTTPS_PROXY", "NO_PROXY",
	} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func find(ts *testscript.TestScript, name string) *process {
	p := ts.Value(processesKey{}).(processes)[name]
	if p == nil {
		ts.Fatalf("no process %q", name)
	}
	return p
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await NAME TEXT")
	}
	ts.Check(find(ts, args[0]).await(args[1]))
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{
		"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL,
		"STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
	}
	if neg || len(args) != 2 || signals[args[1]] == 0 {
		ts.Fatalf("usage: signal NAME INT|TERM|HUP|KILL|STOP|CONT")
	}
	p := find(ts, args[0])
	if slices.Contains([]string{"INT", "TERM", "HUP"}, args[1]) {
		p.signaled = time.Now()
	}
	ts.Check(p.cmd.Process.Signal(signals[args[1]]))
}

func cmdEnds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: ends NAME [CODE]")
	}
	want := 0
	if len(args) == 2 {
		var err error
		want, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	p := find(ts, args[0])
	select {
	case <-p.done:
	case <-time.After(testTimeout):
		ts.Fatalf("%s has not ended", args[0])
	}
	out, _ := p.out.read()
	errs, _ := p.err.read()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(out), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(errs), 0o600))
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s: exit code %d, want %d\n%s%s", args[0], got, want, out, errs)
	}
	const promptly = 2*time.Second + time.Second // that much for a busy machine
	if took := p.ended.Sub(p.signaled); !p.signaled.IsZero() && took > promptly {
		ts.Fatalf("%s took %s to end", args[0], took)
	}
	noteProvoked(want, out+errs)
	ts.Check(checkSecrets(p.cmd.Args, out, errs))
}

// wrongKey is a key of no device or policy.
var wrongKey = sas.NewKey([]byte("a key that no hub knows, but long"))

// checkSecrets looks for keys and tokens in the outputs of a command.
func checkSecrets(argv []string, out, errs string) error {
	text := out + errs
	if slices.Contains(argv, "hub") {
		text = errs // settings with the published key are its output
	}
	for _, secret := range []string{defaults.Key().Base64(), wrongKey.Base64(), "sig="} {
		if strings.Contains(text, secret) {
			return fmt.Errorf("%v prints the secret %q:\n%s", argv[0], secret, text)
		}
	}
	if token := webToken.FindString(text); token != "" {
		return fmt.Errorf("%v prints the token %q:\n%s", argv[0], token, text)
	}
	return nil
}

// webToken matches a JSON Web Token, and a good part of one.
var webToken = regexp.MustCompile(`eyJ(hbGc|hdWQ|pYXQ|leHA|pc3M)[A-Za-z0-9_.-]*`)

func cmdHub(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! hub")
	}
	argv := append([]string{"simulated-device", "hub", "--listen", "127.0.0.1:0"}, args...)
	p := start(ts, "hub", "is ready at", argv)
	ts.Check(p.await("IOTHUB_DEVICE_ID")) // the two outputs are read independently
	settings, _ := p.out.read()
	ts.Check(os.WriteFile(ts.MkAbs(".env"), []byte(settings), 0o600))
	ready, _ := p.err.read()
	_, address, _ := strings.Cut(ready, "is ready at ")
	address, _, _ = strings.Cut(address, "\n")
	address = strings.TrimSuffix(address, ".")
	ts.Setenv("HUB", address)
	cs := defaults.DeviceString(address, defaults.DeviceID, sas.Key{})
	for name, life := range map[string]time.Duration{"SAS": time.Hour, "EXPIREDSAS": -time.Hour} {
		cs.Token = sas.NewToken(defaults.Key(), cs.Resource(), "", time.Now().Add(life))
		ts.Setenv(name, cs.Reveal())
	}
}

func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE CMD...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	noteProvoked(want, ts.ReadFile("stdout")+ts.ReadFile("stderr"))
	ts.Check(checkSecrets(args[1:], ts.ReadFile("stdout"), ts.ReadFile("stderr")))
}

func cmdRepeat(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: repeat N WORD")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("body"), []byte(strings.Repeat(args[1], n)), 0o600))
}
