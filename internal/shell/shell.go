// Package shell runs the commands that users write as the value of a flag. What a
// command has started ends with it.
package shell

import (
	"context"
	"os/exec"
	"time"
)

// Command returns the command that sh makes of a line. When ctx ends it is told to end,
// and after Grace it is killed; see also [KillGroup].
func Command(ctx context.Context, line string) *exec.Cmd {
	return prepared(exec.CommandContext(ctx, "sh", "-c", line)) //nolint:gosec // running what the user says is the point
}

// Grace is how long a command may take to end after it is told to, and how long
// something that it has started may keep its output.
const Grace = time.Second

func prepared(cmd *exec.Cmd) *exec.Cmd {
	cmd.WaitDelay = Grace
	useGroup(cmd)
	return cmd
}

// The exit statuses of a line that sh cannot run. Source: POSIX, Shell Command
// Language, 2.8.2.
const (
	NotExecutable = 126
	NotFound      = 127
)
