package console

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"iothub-c2d/internal/iothub"
)

func refused(condition string) error {
	return fmt.Errorf("send to d: %w", &iothub.HubError{Condition: condition, Message: "no"})
}

// farError is an error of a hub that is not on this machine.
type farError struct{ error }

func (f farError) Unwrap() error { return f.error }

func far(err error) error { return farError{err} }

func TestExitCodesAndHints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		code ExitCode
		hint string // part of it
	}{
		{"any error", errors.New("x"), ExitFailed, ""},
		{"usage", Usage(errors.New("x"), "do y"), ExitUsage, "do y"},
		{"usage, wrapped", fmt.Errorf("w: %w", Usagef("x %d", 1)), ExitUsage, ""},
		{"a code of its own", Fail(errors.New("x"), ExitTimeout, "h"), ExitTimeout, "h"},
		{"timeout", ErrTimeout, ExitTimeout, ""},
		{"unauthorized", refused("amqp:unauthorized-access"), ExitAuth, "check the key"},
		{"no such device", refused("amqp:not-found"), ExitRefused, "check the device id"},
		{"queue full", refused("amqp:resource-limit-exceeded"), ExitRefused, "--retry-queue-full"},
		{"quota", refused("com.microsoft:quota-exceeded"), ExitRefused, "per day"},
		{"too large", refused("amqp:link:message-size-exceeded"), ExitRefused, "64 KB"},
		{"bad property", refused("com.microsoft:argument-error"), ExitRefused, ""},
		{"displaced", refused("amqp:link:stolen"), ExitFailed, "one receiver per device"},
		{"the hub has gone", refused("amqp:connection:forced"), ExitFailed, ""},
		{"no such host", fmt.Errorf("connect: %w", &net.DNSError{Err: "no such host"}), ExitFailed, "check HostName"},
		{"dead proxy", fmt.Errorf("%w: %w", iothub.ErrProxy, syscall.ECONNREFUSED), ExitFailed, "--proxy"},
		{"nobody there", fmt.Errorf("connect: %w", syscall.ECONNREFUSED), ExitFailed, "simulated-device"},
		{"no answer", fmt.Errorf("connect: %w", context.DeadlineExceeded), ExitFailed, "stopped, or very busy"},
		{"unknown CA", fmt.Errorf("TLS: %w", x509.UnknownAuthorityError{}), ExitFailed, "--ca-file"},
		{"wrong name", fmt.Errorf("TLS: %w", x509.HostnameError{Certificate: &x509.Certificate{}}), ExitFailed, "--host NAME"},
		{"no TLS there", fmt.Errorf("TLS: %w", tls.RecordHeaderError{}), ExitFailed, "5671"},
		{"no AMQP there", fmt.Errorf("open: %w", iothub.ErrNotAMQP), ExitFailed, "HostName"},
		{"no hub there", fmt.Errorf("WebSocket: %w", iothub.ErrNoSocket), ExitFailed, "HostName"},
		{"silence", fmt.Errorf("connect: %w: %w", iothub.ErrSilent, context.DeadlineExceeded), ExitFailed, "may have that port"},
		{"proxy", fmt.Errorf("proxy: %w", iothub.ErrProxy), ExitFailed, "--proxy"},
		{"no such device far away", far(refused("amqp:not-found")), ExitRefused, "registered with this hub"},
		{"nobody there, far away", far(fmt.Errorf("connect: %w", syscall.ECONNREFUSED)), ExitFailed, "nothing listens there: check HostName"},
		{"no answer far away", far(fmt.Errorf("connect: %w", context.DeadlineExceeded)), ExitFailed, "firewall"},
		{"silence far away", far(fmt.Errorf("connect: %w: %w", iothub.ErrSilent, context.DeadlineExceeded)), ExitFailed, "firewall"},
		{"no AMQP far away", far(fmt.Errorf("open: %w", iothub.ErrNotAMQP)), ExitFailed, "HostName and --protocol"},
		{"hint before the table's", Fail(syscall.ECONNREFUSED, ExitFailed, "mine"), ExitFailed, "mine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := codeOf(test.err); got != test.code {
				t.Errorf("got code %d, want %d", got, test.code)
			}
			var atFar farError
			c := &Console{far: errors.As(test.err, &atFar)}
			got := c.hintFor(test.err)
			if !strings.Contains(got, test.hint) || test.hint == "" && got != "" {
				t.Errorf("got hint %q, want %q", got, test.hint)
			}
		})
	}
}

// TestEntraHint: what to do about a refused token of Microsoft Entra ID has nothing to
// do with keys. Other errors have their own hint.
func TestEntraHint(t *testing.T) {
	t.Parallel()
	c := &Console{entra: true}
	if got := c.hintFor(refused("401 Unauthorized")); !strings.HasPrefix(got, "check that the token is for https://iothubs.azure.net") {
		t.Errorf("got %q", got)
	}
	if got := c.hintFor(refused("amqp:not-found")); !strings.HasPrefix(got, "check the device id") {
		t.Errorf("got %q", got)
	}
}

func newConsole() (*Console, *bytes.Buffer) {
	var b bytes.Buffer
	return &Console{Name: "tool", Out: &b, Err: &b}, &b
}

func TestFinish(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		cause error // that ended the context
		err   error
		code  int
		want  string
	}{
		{"success", nil, nil, 0, ""},
		{"failure", nil, errors.New("x\n  y\tz"), 1, "tool: x y z\n"},
		{"control characters", nil, errors.New("x\x1b[31m"), 1, "tool: x\\x1b[31m\n"},
		{"secret", nil, errors.New("SharedAccessKey=abc"), 1, "tool: SharedAccessKey=REDACTED\n"},
		{"hint", nil, Usage(errors.New("x"), "y"), 2, "tool: x\nhint: y\n"},
		{"no hint", nil, Usagef("x"), 2, "tool: x\nhint: run tool --help\n"},
		{"the reader has left", nil, fmt.Errorf("write output: %w", syscall.EPIPE), 141, ""},
		{"told already", nil, Exit(ExitNegative), 5, ""},
		{"Ctrl-C", interrupted{syscall.SIGINT}, nil, 130, ""},
		{"Ctrl-C, noticed", interrupted{syscall.SIGINT}, interrupted{syscall.SIGINT}, 130, ""},
		{"Ctrl-C, passed on", interrupted{syscall.SIGINT}, fmt.Errorf("x: %w", context.Canceled), 130, ""},
		{"SIGTERM and an error", interrupted{syscall.SIGTERM}, errors.New("x"), 143, "tool: x\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			if test.cause != nil {
				cancel(test.cause)
			}
			c, out := newConsole()
			if got := c.finish(ctx, test.err); got != test.code {
				t.Errorf("got code %d, want %d", got, test.code)
			}
			if got := out.String(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
