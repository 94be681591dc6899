package shell

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"syscall"
)

// System is [Command] by the system's own shell, which is cmd.exe: few machines with
// Windows have sh. With /S it takes the line as it is, but for the quotes around it.
func System(ctx context.Context, line string) *exec.Cmd {
	cmd := prepared(exec.CommandContext(ctx, cmp.Or(os.Getenv("ComSpec"), "cmd.exe"))) //nolint:gosec // the system says which
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /S /C "` + line + `"`}
	return cmd
}

// There are no process groups here: a command is killed, what it started goes on.
func useGroup(*exec.Cmd) {}

// KillGroup does nothing.
func KillGroup(*exec.Cmd) {}
