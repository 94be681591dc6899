// Package cmd_test runs both binaries as their users do: testdata/script holds
// a script for each behaviour.
//
// Beside testscript's own commands the scripts have
//
//	hub [ARG...]             start `simulated-device hub ARG...` on a free port and
//	                         put its settings into .env; $HUB is its address
//	start NAME TEXT CMD...   start CMD in the background and wait until TEXT
//	                         appears in its output
//	await NAME TEXT          wait until TEXT appears in the output of NAME
//	signal NAME INT|TERM|KILL
//	ends NAME [CODE]         wait until NAME ends, with exit code CODE (default 0);
//	                         its output is then in the files NAME.out and NAME.err
//	exit CODE CMD...         run CMD, which must end with the exit code
//	repeat N WORD            write a file "body" with WORD N times
//
// $LOCAL is a loopback address that no other script uses, with no port.
package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// binaries is where TestMain has built the commands.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "iothub-c2d"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries)
	build := exec.Command("go", append(buildArgs, "-o", binaries, "./...")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the commands: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", binaries+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Setenv("LOCAL", loopbackAddress())
			env.Values[processesKey{}] = make(processes)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"hub":    cmdHub,
			"start":  cmdStart,
			"await":  cmdAwait,
			"signal": cmdSignal,
			"ends":   cmdEnds,
			"exit":   cmdExit,
			"repeat": cmdRepeat,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

var scripts atomic.Uint32

// loopbackAddress returns another address of 127.0.0.0/8 for each script, so
// that several can use the default port at once.
func loopbackAddress() string {
	n := scripts.Add(1) + uint32(os.Getpid())<<8
	return fmt.Sprintf("127.%d.%d.%d", 1+n>>16%200, n>>8%256, 1+n%200)
}

// patience is how long a script waits for anything.
const patience = 30 * time.Second

// processes are the background commands of one script, by name.
type processes map[string]*process

type processesKey struct{}

type process struct {
	cmd      *exec.Cmd
	out, err output
	done     chan struct{} // closed when the process has ended
}

// output collects what a process prints, and tells when there is more.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed at the next write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.text.Write(p)
}

// read returns the text so far, and a channel that is closed when it grows.
func (o *output) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.text.String(), o.more
}

// await waits until text appears in either output of p.
func (p *process) await(text string) error {
	timeout := time.After(patience)
	for {
		out, moreOut := p.out.read()
		errs, moreErr := p.err.read()
		if strings.Contains(out, text) || strings.Contains(errs, text) {
			return nil
		}
		select {
		case <-moreOut:
		case <-moreErr:
		case <-p.done:
			if out2, _ := p.out.read(); !strings.Contains(out2, text) {
				if err2, _ := p.err.read(); !strings.Contains(err2, text) {
					return fmt.Errorf("ended without %q:\n%s%s", text, out2, err2)
				}
			}
			return nil
		case <-timeout:
			return fmt.Errorf("no %q in:\n%s%s", text, out, errs)
		}
	}
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: start NAME TEXT CMD...")
	}
	start(ts, args[0], args[1], args[2:])
}

// start starts a command in the background; it is interrupted when the script
// ends.
func start(ts *testscript.TestScript, name, text string, argv []string) *process {
	path, err := exec.LookPath(filepath.Join(binaries, argv[0]))
	if err != nil {
		path, err = exec.LookPath(argv[0])
	}
	ts.Check(err)
	p := &process{cmd: exec.Command(path, argv[1:]...), done: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = environment(ts)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	ts.Check(p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // its result is in ProcessState
		close(p.done)
	}()
	ts.Value(processesKey{}).(processes)[name] = p
	ts.Defer(func() {
		_ = p.cmd.Process.Signal(syscall.SIGINT) // it may have ended
		<-p.done
	})
	ts.Check(p.await(text))
	return p
}

func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"HOME", "PATH", "TMPDIR", "WORK", "NO_COLOR", "GORACE",
		"IOTHUB_DEVICE_CONNECTION_STRING", "IOTHUB_CONNECTION_STRING", "IOTHUB_SERVICE_CONNECTION_STRING", "IOTHUB_DEVICE_ID",
		"HTTPS_PROXY", "NO_PROXY"} {
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
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
	if neg || len(args) != 2 || signals[args[1]] == 0 {
		ts.Fatalf("usage: signal NAME INT|TERM|KILL")
	}
	ts.Check(find(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
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
	case <-time.After(patience):
		ts.Fatalf("%s has not ended", args[0])
	}
	out, _ := p.out.read()
	errs, _ := p.err.read()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(out), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(errs), 0o600))
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s: exit code %d, want %d\n%s%s", args[0], got, want, out, errs)
	}
}

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
	ts.Setenv("HUB", strings.TrimSuffix(address, "."))
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
}

func cmdRepeat(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: repeat N WORD")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("body"), []byte(strings.Repeat(args[1], n)), 0o600))
}
