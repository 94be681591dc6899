//go:build unix

package console

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"iothub-c2d/internal/jwttest"
)

// tokenFile returns the name of a file with a token, and the token.
func tokenFile(t *testing.T, claims jwttest.Claims) (name, token string) {
	t.Helper()
	token = jwttest.Token("none", claims, jwttest.None)
	name = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(token+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name, token
}

// runs returns how often a command has run that adds a line to the file each time.
func runs(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func TestTokenCommand(t *testing.T) {
	t.Parallel()
	file, token := tokenFile(t, jwttest.Good(time.Hour))
	count := filepath.Join(t.TempDir(), "count")
	c, _ := newConsole()
	command := c.newTokenCommand(fmt.Sprintf(`echo >>%q; cat %q; echo "not a word of it" >&2`, count, file))
	for range 3 {
		got, err := command.get(t.Context())
		if err != nil || got.Reveal() != "Bearer "+token {
			t.Fatalf("got %v, %v", got.Reveal(), err)
		}
	}
	if n := runs(t, count); n != 1 {
		t.Errorf("it has run %d times within a minute, want once", n)
	}
	command.until = time.Now()
	if _, err := command.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := runs(t, count); n != 2 {
		t.Errorf("it has run %d times, want again after a minute", n)
	}
}

// TestTokenServesNoLonger: a token is used again for a minute, but not in the second
// half of its life, when it may be renewed.
func TestTokenServesNoLonger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ life, want time.Duration }{
		{time.Hour, time.Minute}, {time.Minute, 30 * time.Second}, {-time.Hour, 0},
	} {
		file, _ := tokenFile(t, jwttest.Good(test.life))
		c, _ := newConsole()
		command := c.newTokenCommand(fmt.Sprintf("cat %q", file))
		if _, err := command.get(t.Context()); err != nil {
			t.Fatal(err)
		}
		const slack = 10 * time.Second // a busy machine, and whole seconds
		if got := time.Until(command.until); got > test.want || test.want > 0 && got < test.want-slack {
			t.Errorf("a token for %v serves for %v, want %v", test.life, got, test.want)
		}
	}
}

func TestTokenCommandFails(t *testing.T) {
	t.Parallel()
	file, token := tokenFile(t, jwttest.Good(time.Hour))
	part := token[45:85] // of the claims
	for _, test := range []struct {
		name, line string
		code       ExitCode
		want, hint string
	}{
		{"fails", "exit 7", ExitFailed, "--token-command failed (exit status 7)", "by itself"},
		{"fails and says why", "echo one >&2; echo; echo two >&2; exit 7", ExitFailed, "--token-command failed (exit status 7): two", "by itself"},
		{"is killed", "kill -9 $$", ExitFailed, "--token-command failed (signal: killed)", "by itself"},
		{"not found", "./nothing-of-the-kind 2>/dev/null", ExitUsage, "--token-command failed (exit status 127)", "PATH"},
		{"hangs", "echo logging in >&2; sleep 60", ExitFailed, "--token-command has printed no token in 500ms: logging in", "by itself"},
		{"prints a token and hangs", "cat FILE; sleep 60", ExitFailed, "--token-command has printed no token in 500ms", "by itself"},
		{"prints without end", "yes", ExitUsage, "--token-command prints more than 16384 bytes", "by itself"},
		{"prints without end, come what may", `trap "" PIPE; while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done 2>/dev/null`, ExitUsage, "--token-command prints more than 16384 bytes", "by itself"},
		{"prints nothing and says why", "{ echo please log in >&2; false; } | cat", ExitUsage, "--token-command has printed nothing: please log in", "-o tsv"},
		{"prints null and says the token", "{ cat FILE >&2; false; } | echo null", ExitUsage, "it is no JSON Web Token: what it says may hold a token, and is not shown", "-o tsv"},
		{"prints nothing", "echo; echo ' '", ExitUsage, "--token-command has printed nothing", "-o tsv"},
		{"prints JSON", `printf '{"accessToken": "%s"}' $(cat FILE)`, ExitUsage, "--token-command has printed JSON, not a bare token", "--query accessToken"},
		{"prints it in quotes", `printf '"%s"' $(cat FILE)`, ExitUsage, "--token-command has printed JSON", "-o tsv"},
		{"prints two lines", "cat FILE FILE", ExitUsage, "--token-command has printed 2 lines, not one", "-o tsv"},
		{"prints two words", "echo Bearer $(cat FILE)", ExitUsage, "bytes that are no token: it is no JSON Web Token", "-o tsv"},
		{"prints half of it", "cut -c 1-50 FILE", ExitUsage, "--token-command has printed 50 bytes that are no token: ", "-o tsv"},
		{"says the token", "cat FILE; cat FILE >&2; exit 1", ExitFailed, "(exit status 1): what it says may hold a token, and is not shown", ""},
		{"says the token in lines", "fold -w 7 FILE >&2; echo failed >&2; exit 1", ExitFailed, "(exit status 1): what it says may hold a token, and is not shown", ""},
		{"says what it printed", "echo secret; echo secret is wrong >&2; exit 1", ExitFailed, "(exit status 1): REDACTED is wrong", ""},
		{"says a part of it", "echo ERROR: " + part + " is bad >&2; exit 1", ExitFailed, "(exit status 1): ERROR: REDACTED is bad", ""},
		{"says much", `yes "many words" | head -n 9999 >&2; echo at last >&2; exit 1`, ExitFailed, "(exit status 1): at last", ""},
		{"says a long line", `yes word | head -n 1000 | tr '\n' ' ' >&2; exit 1`, ExitFailed, "(exit status 1): word word", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, _ := newConsole()
			command := c.newTokenCommand(strings.ReplaceAll(test.line, "FILE", "'"+file+"'"))
			if strings.Contains(test.want, "500ms") {
				command.timeout = 500 * time.Millisecond
			}
			got, err := command.get(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) || codeOf(err) != test.code {
				t.Fatalf("got %q, %v with code %d, want %q with %d", got.Reveal(), err, codeOf(err), test.want, test.code)
			}
			if hint := c.hintFor(err); !strings.Contains(hint, test.hint) {
				t.Errorf("got hint %q, want %q in it", hint, test.hint)
			}
			if strings.Contains(err.Error(), part[:7]) || len(err.Error()) > 500 {
				t.Errorf("it says too much: %v", err)
			}
		})
	}
}

// TestTokenCommandEndsWithTheRun: a command that hangs ends with the context, whose cause
// is the error.
func TestTokenCommandEndsWithTheRun(t *testing.T) {
	t.Parallel()
	reason := errors.New("the reason")
	ctx, end := context.WithCancelCause(t.Context())
	begun := filepath.Join(t.TempDir(), "begun")
	if err := syscall.Mkfifo(begun, 0o600); err != nil {
		t.Fatal(err)
	}
	var waiter sync.WaitGroup
	waiter.Go(func() {
		_, _ = os.ReadFile(begun) // it returns when the command has written
		end(reason)
	})
	c, _ := newConsole()
	if _, err := c.newTokenCommand(fmt.Sprintf("echo >%q; sleep 60", begun)).get(ctx); err != reason {
		t.Errorf("got %v, want %v", err, reason)
	}
	waiter.Wait()
}

// TestTokenWithByteOrderMark: PowerShell may put one before what it prints.
func TestTokenWithByteOrderMark(t *testing.T) {
	t.Parallel()
	file, token := tokenFile(t, jwttest.Good(time.Hour))
	c, _ := newConsole()
	got, err := c.newTokenCommand(fmt.Sprintf(`printf '\357\273\277'; cat %q`, file)).get(t.Context())
	if err != nil || got.Reveal() != "Bearer "+token {
		t.Errorf("got %q, %v", got.Reveal(), err)
	}
}

// TestWhatACommandLeaves: what a command has started, and left with its output open,
// keeps nobody from the token.
func TestWhatACommandLeaves(t *testing.T) {
	t.Parallel()
	file, token := tokenFile(t, jwttest.Good(time.Hour))
	c, _ := newConsole()
	got, err := c.newTokenCommand(fmt.Sprintf("sleep 3 & cat %q", file)).get(t.Context())
	if err != nil || got.Reveal() != "Bearer "+token {
		t.Errorf("got %q, %v", got.Reveal(), err)
	}
}
