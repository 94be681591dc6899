//go:build linux

// The scripts in testdata/script run both binaries as their users do, one for each
// behaviour. They need Linux: its signals, its shell, and all of 127.0.0.0/8.
//
// Beside testscript's own commands the scripts have
//
//	hub [ARG...]             start `simulated-device hub ARG...` on a free port and
//	                         put its settings into .env; $HUB is its address
//	oddhub MESSAGE...        serve a hub with messages that no hub of ours has: see
//	                         oddMessages; $ODDHUB is its address
//	start NAME TEXT CMD...   start CMD in the background and wait until TEXT
//	                         appears in its output
//	unread NAME TEXT CMD...  likewise, with the standard output to a pipe that is full
//	                         and that nobody reads
//	terminal NAME COLSxROWS TEXT CMD...
//	                         start CMD in a terminal of that size and wait until TEXT
//	                         appears there
//	type NAME TEXT           type TEXT at the terminal of NAME; ^C is Ctrl-C, ^M Return
//	hangup NAME              close the terminal of NAME
//	screen NAME              write what the terminal of NAME shows to NAME.screen
//	await NAME TEXT          wait until TEXT appears in the output of NAME
//	signal NAME INT|TERM|HUP|KILL|STOP|CONT
//	ends NAME [CODE]         wait until NAME ends, with exit code CODE (default 0), and
//	                         if there was a signal INT, TERM or HUP, within 2 s of it;
//	                         its output is then in the files NAME.out and NAME.err
//	exit CODE CMD...         run CMD, which must end with the exit code
//	repeat N WORD            write a file "body" with WORD N times
//	fields FILE EVENT NAME.. every line of FILE is a JSON object, and each whose event
//	                         is EVENT has just these fields, in this order
//	examples CMD...          run all examples of `CMD... --help`
//	jwtkey FILE RSA|EC       make a key, and FILE.pub, for tokens of Microsoft Entra ID
//	jwt PROGRAM KEY [alg=NAME] [CLAIM=JSON...]
//	                         write a program that prints a token, a new one each time,
//	                         signed with KEY; its claims are good but for those given,
//	                         and times among them count from now, in seconds
//
// The outputs of exit, ends and examples must not hold a secret.
//
// $LOCAL is a loopback address that no other script uses, with no port. $SILENT
// is one where a server accepts connections and says nothing, $WEB that of a web
// server. $KEY is the local hub's key, $WRONGKEY another, $SAS a device string with
// a token in place of the key, after the hub command, $EXPIREDSAS the same with a
// token that is over.

package cmd_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iothub-c2d/internal/localhub/defaults"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestScript(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() { // after all scripts
		if allScripts(int(scripts.Load())) && !t.Failed() {
			checkProvoked(t)
		}
	})
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", binaries+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Setenv("LOCAL", loopbackAddress())
			env.Setenv("GORACE", "atexit_sleep_ms=0") // it is 1000 by default
			env.Setenv("KEY", defaults.Key().Base64())
			env.Setenv("WRONGKEY", wrongKey.Base64())
			env.Values[processesKey{}] = make(processes)
			web := httptest.NewServer(http.NotFoundHandler())
			env.Defer(web.Close)
			env.Setenv("WEB", web.Listener.Addr().String())
			return listenInSilence(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"hub":      cmdHub,
			"oddhub":   cmdOddHub,
			"start":    cmdStart,
			"unread":   cmdUnread,
			"terminal": cmdTerminal,
			"type":     cmdType,
			"hangup":   cmdHangUp,
			"screen":   cmdScreen,
			"await":    cmdAwait,
			"signal":   cmdSignal,
			"ends":     cmdEnds,
			"exit":     cmdExit,
			"repeat":   cmdRepeat,
			"fields":   cmdFields,
			"examples": cmdExamples,
			"jwtkey":   cmdJWTKey,
			"jwt":      cmdJWT,
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

// listenInSilence serves $SILENT for a script.
func listenInSilence(env *testscript.Env) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
		}
	}()
	env.Defer(func() {
		l.Close()
		<-done
	})
	env.Setenv("SILENT", l.Addr().String())
	return nil
}

// processes are the background commands of one script, by name.
type processes map[string]*process

type processesKey struct{}

type process struct {
	cmd      *exec.Cmd
	out, err output
	done     chan struct{} // closed when the process has ended
	ended    time.Time     // after done
	signaled time.Time     // when the last INT, TERM or HUP was sent
	terminal *terminal     // nil without one
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

// await waits until one of the texts appears in either output of p.
func (p *process) await(texts ...string) error {
	timeout := time.After(testTimeout)
	for ended := false; ; {
		out, moreOut := p.out.read()
		errs, moreErr := p.err.read()
		for _, text := range texts {
			if strings.Contains(out, text) || strings.Contains(errs, text) {
				return nil
			}
		}
		if ended {
			return fmt.Errorf("ended without %q:\n%s%s", texts, out, errs)
		}
		select {
		case <-moreOut:
		case <-moreErr:
		case <-p.done:
			ended = true // look once more
		case <-timeout:
			return fmt.Errorf("no %q in:\n%s%s", texts, out, errs)
		}
	}
}
