package console

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/shell"
)

const (
	// tokenTimeout is how long the command may take.
	tokenTimeout = 30 * time.Second
	// tokenReuse is how long its token serves for requests that come one after
	// another: to run az takes a second.
	tokenReuse = time.Minute
)

// tokenCommand is a command that prints tokens of Microsoft Entra ID. Neither what it
// prints is ever shown, nor the command, which may have a password in it.
type tokenCommand struct {
	console *Console
	line    string
	timeout time.Duration

	mu    sync.Mutex // held while the command runs
	token iothub.Token
	until time.Time // the token serves again before
}

func (c *Console) newTokenCommand(line string) *tokenCommand {
	return &tokenCommand{console: c, line: line, timeout: tokenTimeout}
}

// get returns a token. It is an [iothub.TokenSource].
func (t *tokenCommand) get(ctx context.Context) (iothub.Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.until) {
		return t.token, nil
	}
	text, said, err := t.run(ctx)
	if err != nil {
		return iothub.Token{}, err
	}
	token, err := readToken(text)
	if err != nil {
		return iothub.Token{}, Usage(fmt.Errorf("--token-command %w%s", err, said), "it must print the token and nothing else, as this does: "+azCommand)
	}
	// A renewal comes after 85 % of the token's life, and must not get it again.
	t.token, t.until = token, time.Now().Add(min(tokenReuse, time.Until(token.Expires)/2))
	return token, nil
}

// run runs the command, and returns what it prints, and its last words: in a pipe it may
// end well without a token.
func (t *tokenCommand) run(ctx context.Context) (text, words string, err error) {
	phase := t.console.Phase(func() Waiting { return Waiting{For: "--token-command to print a token"} })
	defer phase.End()
	limited, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	cmd := shell.System(limited, t.line)
	out := boundedBuffer{stop: cancel}
	var said tailBuffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	words = lastWords(&said, &out)
	var exit *exec.ExitError
	switch {
	case out.full:
		shell.KillGroup(cmd)
		return "", "", Usage(fmt.Errorf("--token-command prints more than %d bytes", maxOutput), hintRunIt)
	case limited.Err() != nil && err != nil:
		shell.KillGroup(cmd)
		if ctx.Err() != nil {
			return "", "", context.Cause(ctx)
		}
		return "", "", Fail(fmt.Errorf("--token-command has printed no token in %s%s", t.timeout, words), ExitFailed, hintRunIt)
	case errors.As(err, &exit):
		return "", "", failedCommand(exit, words)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // which is about something that it has started, and left
		return "", "", Usage(fmt.Errorf("--token-command: %w", err), hintRunIt)
	}
	return out.text.String(), words, nil
}

const hintRunIt = "run it by itself in a shell: it may want to log in first, or ask something"

// failedCommand returns the error of a command that has failed: the user's mistake, if
// the shell cannot run it.
func failedCommand(exit *exec.ExitError, said string) error {
	err := fmt.Errorf("--token-command failed (%w)%s", exit, said)
	switch exit.ExitCode() {
	case shell.NotExecutable, shell.NotFound:
		return Usage(err, "is the path right, and all that the command runs in PATH?")
	}
	return Fail(err, ExitFailed, hintRunIt)
}

// readToken makes a token of what the command has printed. Its errors say what that
// was, and no part of it.
func readToken(output string) (iothub.Token, error) {
	text := strings.TrimSpace(strings.TrimPrefix(output, "\uFEFF")) // Windows may put a byte order mark before it
	switch lines := strings.Count(text, "\n") + 1; {
	case text == "":
		return iothub.Token{}, errors.New("has printed nothing")
	case strings.ContainsAny(text[:1], `{["`):
		return iothub.Token{}, errors.New("has printed JSON, not a bare token")
	case lines > 1:
		return iothub.Token{}, fmt.Errorf("has printed %d lines, not one", lines)
	}
	token, err := iothub.NewBearer(text)
	if err != nil {
		return iothub.Token{}, fmt.Errorf("has printed %d bytes that are no token: %w", len(text), err)
	}
	return token, nil
}
