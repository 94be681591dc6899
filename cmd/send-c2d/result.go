package main

import (
	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// result returns the error of a run whose end was err, if that was not told to end
// from outside: the worst of what happened. What the output has said is not said
// again.
func (r *report) result(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	code := r.worst()
	switch {
	case r.broken != nil:
		return r.broken
	case code == 0, code == console.ExitNegative && err != nil:
		return err
	case err != nil:
		r.console.Report(err)
	}
	return console.Exit(code)
}

// worst returns the exit code for what became of the messages, 0 if all is well.
// Called with mu held.
func (r *report) worst() console.ExitCode {
	for _, n := range r.refusals {
		if n > 0 {
			return console.ExitRefused
		}
	}
	if r.doubts > 0 {
		return console.ExitFailed
	}
	for status, n := range r.statuses {
		if n > 0 && status != iothub.Success {
			return console.ExitNegative
		}
	}
	return 0
}

// taken returns how many messages the hub has, or may have.
func (r *report) taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total + r.doubts
}
