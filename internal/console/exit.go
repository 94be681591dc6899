package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// refusals are what a hub holds against a message for good.
var refusals = []error{
	iothub.ErrNotFound, iothub.ErrQueueFull, iothub.ErrQuotaExceeded, iothub.ErrTooLarge, iothub.ErrInvalidMessage,
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

// report prints an error in one line, and a hint in another if there is one.
func (c *Console) report(err error) {
	var f *failure
	if errors.As(err, &f) && f.told {
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
