package console

import (
	"errors"
	"fmt"
	"slices"
	"strings"

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
	hint := c.hintFor(err)
	if hint == "" && codeOf(err) == ExitUsage {
		hint = "run " + c.Name + " --help"
	}
	if hint != "" {
		c.Say("hint: %s", hint)
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
