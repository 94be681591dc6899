//go:build unix

package shell_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"iothub-c2d/internal/shell"
)

func TestCommand(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line, want string
		status     int
	}{
		{`echo "a  b" | tr a-z A-Z`, "A  B\n", 0},
		{"exit 7", "", 7},
		{"./nothing-of-the-kind", "", shell.NotFound},
	} {
		out, err := shell.System(t.Context(), test.line).Output()
		var exit *exec.ExitError
		status := 0
		if errors.As(err, &exit) {
			status = exit.ExitCode()
		}
		if got := string(out); got != test.want || status != test.status {
			t.Errorf("%s: got %q and status %d, want %q and %d", test.line, got, status, test.want, test.status)
		}
	}
}

// TestEndsWithAllThatItStarted: a command that does not want to end is killed, with
// what it has started.
func TestEndsWithAllThatItStarted(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := shell.Command(ctx, `trap "" TERM; sleep 60 >"`+fifo+`" & wait; sleep 60`)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.Open(fifo) // as soon as the command has it open, too
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	cancel()
	if err := cmd.Wait(); err == nil {
		t.Error("it ended well")
	}
	shell.KillGroup(cmd)
	if _, err := io.Copy(io.Discard, pipe); err != nil { // to the end of the last that has it open
		t.Error(err)
	}
}
