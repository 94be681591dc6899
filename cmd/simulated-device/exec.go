package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/shell"
)

// lockDuration is how long IoT Hub lets a device hold a message, if nobody has
// configured it. Source: Microsoft docs, iot-hub-devguide-messages-c2d.
const lockDuration = time.Minute

// run gives d to the user's command. Its exit status decides the outcome.
func (s *settler) run(ctx context.Context, d *iothub.Delivery) (outcome, error) {
	cmd := shell.Command(ctx, s.exec)
	cmd.Stdin = bytes.NewReader(d.Body)
	cmd.Stdout, cmd.Stderr = s.execOut, s.console.Err
	cmd.Env = append(os.Environ(), environment(d)...)
	late := time.AfterFunc(s.lock, func() {
		s.console.Note("--exec for message %s goes on for %s now: that is how long IoT Hub's locks last, so the message may be delivered again.", d.ID, s.lock)
	})
	defer late.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return complete, nil
	case ctx.Err() != nil:
		shell.KillGroup(cmd)
		return none, context.Cause(ctx)
	case errors.As(err, &exit):
		return s.failed(ctx, d, exit)
	case errors.Is(err, syscall.E2BIG):
		return s.giveUp(ctx, d, "the properties do not fit into the environment of a command"), nil
	}
	return none, fmt.Errorf("--exec: %w", err)
}

// failed returns what becomes of a message whose command has failed. A command
// that the shell cannot run says nothing about the message: that ends the run, and
// the message goes back to the hub as it came.
func (s *settler) failed(ctx context.Context, d *iothub.Delivery, exit *exec.ExitError) (outcome, error) {
	switch exit.ExitCode() {
	case shell.NotExecutable:
		return none, console.Usage(fmt.Errorf("--exec: the shell cannot run the command (%w)", exit), "is the file executable? "+execHint)
	case shell.NotFound:
		return none, console.Usage(fmt.Errorf("--exec: the shell does not find the command (%w)", exit), "is the path right, and all that the command runs in PATH? "+execHint)
	}
	return s.giveUp(ctx, d, exit.Error()), nil
}

// giveUp tells why a message was not handled, and returns what becomes of it.
func (s *settler) giveUp(ctx context.Context, d *iothub.Delivery, reason string) outcome {
	s.console.Say("--exec for message %s: %s: %s", d.ID, reason, past[s.execFail])
	if s.execFail == abandon {
		_ = console.Pause(ctx, retryPause(d.DeliveryCount)) // what has been said is done, even if the run ends
	}
	return s.execFail
}

const execHint = "the message has gone back to the hub"

// retryPause returns how long to wait before a message is abandoned that was
// delivered count times before. The hub delivers it again at once, and dead-letters
// it soon: without a pause, a fault of a moment would cost the message. The tenth
// delivery, the last by default, comes after half a minute.
func retryPause(count uint32) time.Duration {
	const first, longest = 100 * time.Millisecond, 10 * time.Second
	const enough = 7 // so often doubled, it is the longest
	return min(first<<min(count, enough), longest)
}
