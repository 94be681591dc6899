package console

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

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

// failure is an error with its exit code and the hint that is printed below it.
type failure struct {
	err    error
	code   ExitCode
	hint   string
	silent bool // print nothing: the output has said it
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

// Exit returns an error that ends the program with the code and prints nothing,
// because the output has said it already.
func Exit(code ExitCode) error {
	return &failure{err: fmt.Errorf("exit code %d", code), code: code, silent: true}
}

// Fail marks err with the exit code and the hint to give with it.
func Fail(err error, code ExitCode, hint string) error {
	return &failure{err: err, code: code, hint: hint}
}

// refusals are the errors with which a hub refuses a message.
var refusals = []error{
	iothub.ErrNotFound, iothub.ErrQueueFull, iothub.ErrQuotaExceeded, iothub.ErrTooLarge, iothub.ErrInvalidMessage,
}

// Code returns the exit code for what a command returns.
func Code(err error) ExitCode {
	if err == nil {
		return 0
	}
	return codeOf(err)
}

// codeOf returns the exit code for an error.
func codeOf(err error) ExitCode {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f.code
	case errors.Is(err, iothub.ErrUnauthorized):
		return ExitAuth
	case slices.ContainsFunc(refusals, func(r error) bool { return errors.Is(err, r) }):
		return ExitRefused
	}
	return ExitFailed
}

// Report prints an error in one line, and a hint in another if there is one. A
// command returns the error that ends it; this is for others.
func (c *Console) Report(err error) {
	var f *failure
	if errors.As(err, &f) && f.silent {
		return
	}
	c.Say("%s: %s", c.Name, oneLine(err.Error()))
	hint := hintFor(err)
	if hint == "" && codeOf(err) == ExitUsage {
		hint = "run " + c.Name + " --help"
	}
	if hint != "" {
		c.Say("hint: %s", hint)
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// HintTooLarge is the hint for a message that no hub takes. Source: Microsoft
// docs, iot-hub-devguide-messages-c2d.
const HintTooLarge = "a message holds 64 KB at most, properties included"

const hintOther = "something else listens at that address and port: check HostName and --protocol, or use another port of this machine by --local=HOST:PORT"

// hints say what the user can do about an error.
var hints = []struct {
	err  error
	hint string
}{
	{iothub.ErrUnauthorized, "check the key, that it belongs to this hub, and that its policy has the permission (service connect to send, device connect to receive); a clock that is minutes off also invalidates tokens"},
	{iothub.ErrQueueFull, "IoT Hub holds 50 messages per device: start the device, wait with --retry-queue-full 1m, or empty the queue with `send-c2d purge`"},
	{iothub.ErrQuotaExceeded, "the hub has a limit of messages per day, which ends at midnight UTC, or of connections and tokens: its tier says how many"},
	{iothub.ErrNotFound, "check the device id (it is case-sensitive), and that the device is registered with this hub"},
	{iothub.ErrTooLarge, HintTooLarge},
	{iothub.ErrDisplaced, "a hub keeps one receiver per device: stop the other, or use another device"},
	{iothub.ErrProxy, "check the address, the user and the password in --proxy, and that the proxy may connect to the hub's port"},
	{syscall.ECONNREFUSED, "nothing listens there: start `simulated-device`, which brings a local hub; if .env or the environment names this address, start `simulated-device hub`"},
	{iothub.ErrNotAMQP, hintOther},
	{iothub.ErrNoSocket, hintOther},
	{iothub.ErrSilent, "on this machine another program may have that port: use one more by --local=HOST:PORT; if this is Azure, something on the way may swallow AMQP: try --protocol amqp-ws"},
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
	var unknown *net.DNSError
	if errors.As(err, &unknown) {
		return "check HostName in the connection string, and that this machine is online"
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
