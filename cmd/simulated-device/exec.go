package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"iothub-c2d/internal/iothub"
)

// execGrace is how long a command may take to clean up when it is told to end.
const execGrace = time.Second

// run gives d to the user's command, which answers with its exit status.
func (s *settler) run(ctx context.Context, d *iothub.Delivery) (outcome, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", s.exec) //nolint:gosec // running what the user says is the point
	cmd.Stdin = bytes.NewReader(d.Body)
	cmd.Stdout, cmd.Stderr = s.execOut, s.console.Err
	cmd.Env = append(os.Environ(), environment(d)...)
	cmd.WaitDelay = execGrace
	useGroup(cmd)
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return complete, nil
	case ctx.Err() != nil:
		killGroup(cmd)
		return none, context.Cause(ctx)
	case errors.As(err, &exit):
		s.console.Say("--exec for message %s: %v: %s", d.ID, err, past[s.execFail])
		return s.execFail, nil
	}
	return none, fmt.Errorf("--exec: %w", err)
}

// environment tells a message's properties to a command: the system's as
// C2D_MESSAGE_ID and so on, the sender's as C2D_PROPERTY_ and the name, with _
// for what a variable's name cannot have.
func environment(d *iothub.Delivery) []string {
	env := []string{
		"C2D_MESSAGE_ID=" + d.ID,
		"C2D_CORRELATION_ID=" + d.CorrelationID,
		"C2D_USER_ID=" + d.UserID,
		"C2D_CONTENT_TYPE=" + d.ContentType,
		"C2D_CONTENT_ENCODING=" + d.ContentEncoding,
		fmt.Sprintf("C2D_DELIVERY_COUNT=%d", d.DeliveryCount),
		fmt.Sprintf("C2D_SEQUENCE_NUMBER=%d", d.SequenceNumber),
	}
	for _, name := range d.PropertyNames() {
		env = append(env, "C2D_PROPERTY_"+variableName(name)+"="+d.Properties[name])
	}
	for i := range env {
		env[i] = strings.ReplaceAll(env[i], "\x00", "") // no variable can hold it
	}
	return env
}

func variableName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, s)
}
