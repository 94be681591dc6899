package console

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"iothub-c2d/internal/iothub"
)

// ExitCode is what a program tells its caller. README lists them.
type ExitCode int

// The exit codes of both binaries; after a signal it is 128 and its number.
const (
	ExitFailed   ExitCode = 1   // a run-time failure
	ExitUsage    ExitCode = 2   // wrong arguments or settings
	ExitAuth     ExitCode = 3   // the hub refused the credentials
	ExitRefused  ExitCode = 4   // the hub refused the message, or knows no such device
	ExitNegative ExitCode = 5   // a message was rejected, or expired, ...
	ExitTimeout  ExitCode = 124 // time was up before the work was done
)

// failure is an error with what the terminal needs beside its text.
type failure struct {
	err  error
	code ExitCode
	hint string
	told bool // the user knows already
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// Usage marks err as the user's mistake.
func Usage(err error, hint string) error {
	return &failure{err: err, code: ExitUsage, hint: hint}
}

// Usagef is [Usage] for an error of its own, without a hint.
func Usagef(format string, args ...any) error {
	return Usage(fmt.Errorf(format, args...), "")
}

// Exit returns an error that ends the program with the code and prints
// nothing, for what the output has told already.
func Exit(code ExitCode) error {
	return &failure{err: fmt.Errorf("exit code %d", code), code: code, told: true}
}

// Fail marks err with the exit code and the hint to give with it.
func Fail(err error, code ExitCode, hint string) error {
	return &failure{err: err, code: code, hint: hint}
}

// codeOf returns the exit code for an error.
func codeOf(err error) ExitCode {
	var f *failure
	var refused *iothub.HubError
	switch {
	case errors.As(err, &f):
		return f.code
	case errors.Is(err, iothub.ErrUnauthorized):
		return ExitAuth
	case errors.As(err, &refused) && !errors.Is(err, iothub.ErrDisplaced):
		return ExitRefused
	}
	return ExitFailed
}

// report prints an error in one line, and a hint in another if there is one.
func (c *Console) report(err error) {
	var f *failure
	if errors.As(err, &f) && f.told {
		return
	}
	c.Say("%s: %s", c.Name, oneLine(err.Error()))
	if hint := hintFor(err); hint != "" {
		c.Say("hint: %s", hint)
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Cause returns why ctx has ended if err only says that it has.
func Cause(ctx context.Context, err error) error {
	var f *failure
	var refused *iothub.HubError
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done() // a socket may notice first
	}
	if err == nil || ctx.Err() == nil || errors.As(err, &f) || errors.As(err, &refused) {
		return err
	}
	return context.Cause(ctx)
}

// hints are what to do about an error that the user can do something about.
var hints = []struct {
	err  error
	hint string
}{
	{iothub.ErrUnauthorized, "check the key, and that it belongs to this hub; a clock that is minutes off also invalidates tokens"},
	{iothub.ErrQueueFull, "IoT Hub holds 50 messages per device: start the device, wait with --retry-queue-full 1m, or empty the queue with `send-c2d purge`"},
	{iothub.ErrNotFound, "check the device id (it is case-sensitive), and that the device is registered with this hub"},
	{iothub.ErrTooLarge, "a message holds 64 KB at most, properties included"},
	{iothub.ErrDisplaced, "a hub keeps one receiver per device: stop the other, or use another device"},
	{syscall.ECONNREFUSED, "nothing listens there: start `simulated-device`, which brings a local hub, or check the address"},
	{iothub.ErrNotAMQP, "something else listens at that address and port: check HostName, and --protocol"},
	{iothub.ErrProxy, "check the address, the user and the password in --proxy, and that the proxy may connect to the hub's port"},
	{context.DeadlineExceeded, "if this is Azure, a firewall may block the port: AMQP over TLS needs 5671"},
}

func hintFor(err error) string {
	var f *failure
	if errors.As(err, &f) && f.hint != "" {
		return f.hint
	}
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return h.hint
		}
	}
	return tlsHint(err)
}

// tlsHint returns what to do about an error of a TLS handshake.
func tlsHint(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "name the CA with --ca-file; a local hub writes its own with `simulated-device hub --ca-out FILE`"
	case errors.As(err, &name):
		return "HostName must be a name in the server's certificate; `simulated-device hub --host NAME` sets a local hub's"
	case errors.As(err, &record):
		return "the server does not speak TLS at that port: AMQP over TLS is at 5671; for a local hub add UseDevelopmentEmulator=true"
	}
	return ""
}
