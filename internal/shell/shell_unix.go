//go:build unix

package shell

import (
	"context"
	"os/exec"
	"syscall"
)

// System is [Command] by the system's own shell, which is sh.
func System(ctx context.Context, line string) *exec.Cmd { return Command(ctx, line) }

// useGroup gives a command a process group of its own, so that what it starts
// ends with it, and Ctrl-C does not reach it before us.
func useGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// KillGroup kills the processes that a command has left behind.
func KillGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // there may be nothing left
	}
}
