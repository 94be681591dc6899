//go:build linux

package cmd_test

import (
	"encoding/json"
	"slices"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

func cmdFields(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: fields FILE EVENT NAME...")
	}
	event, want := args[1], args[2:]
	found := false
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var e struct{ Event string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			ts.Fatalf("%q is no object: %v", line, err)
		}
		if e.Event != event {
			continue
		}
		found = true
		if got := names(line); !slices.Equal(got, want) {
			ts.Fatalf("fields of %s\n got %q\nwant %q", event, got, want)
		}
	}
	if !found {
		ts.Fatalf("no event %q", event)
	}
}

// names returns the names of the fields of an object, in order.
func names(object string) (names []string) {
	decoder := json.NewDecoder(strings.NewReader(object))
	_, _ = decoder.Token() // the opening brace
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return append(names, err.Error())
		}
		names = append(names, name.(string))
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return append(names, err.Error())
		}
	}
	return names
}

// cmdExamples runs the examples as a user would, in a shell. One that goes on
// until Ctrl-C gets that as soon as it has said something.
func cmdExamples(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: examples CMD...")
	}
	ts.Check(ts.Exec(args[0], append(args[1:], "--help")...))
	_, text, _ := strings.Cut(ts.ReadFile("stdout"), "\nExamples:\n")
	text, _, _ = strings.Cut(text, "\n\n")
	if text == "" {
		ts.Fatalf("no examples")
	}
	for line := range strings.Lines(text) {
		ts.Logf("> %s", line)
		runExample(ts, line)
	}
}

func runExample(ts *testscript.TestScript, line string) {
	p := launch(ts, "sh", "-c", line)
	defer func() { <-p.done }()
	err := p.await("Ctrl-C stops", "is ready at")
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT) // it may have ended
	<-p.done
	out, _ := p.out.read()
	errs, _ := p.err.read()
	ts.Check(checkSecrets(strings.Fields(line), out, errs))
	switch code := p.cmd.ProcessState.ExitCode(); {
	case code == 0, err == nil && (code == 130 || code == -1): // -1: the shell itself
	case strings.Contains(errs, "address already in use"): // somebody's real hub
	default:
		ts.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
}
