package iothub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/go-amqp"
)

// libraryError is an error of go-amqp's own: the hub has refused nothing, and
// the network has not failed. Examples: a transfer without a delivery-tag, a frame
// that does not fit the hub's largest, a channel-max that is reached, a link that
// is refused without a reason.
type libraryError struct{ error }

func (e libraryError) Unwrap() error { return e.error }

// untyped marks an error that go-amqp has returned when a link was attached or
// used. It has types for all errors but its own.
func untyped(err error) error {
	if err == nil || remoteError(err) != nil || linkLost(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return libraryError{err}
}

// endedByLibrary reports whether go-amqp has ended a link, a session or the
// connection for a reason of its own. It has one then, where a hub that gives no
// reason leaves the error empty.
func (c *connection) endedByLibrary(err error) bool {
	var link *amqp.LinkError
	var session *amqp.SessionError
	var conn *amqp.ConnError
	switch {
	case remoteError(err) != nil:
		return false
	case errors.As(err, &conn):
		return *conn != amqp.ConnError{} && !c.tap.Broken()
	case errors.As(err, &session):
		return *session != amqp.SessionError{}
	case errors.As(err, &link):
		return *link != amqp.LinkError{}
	}
	return false
}

// A library error comes again if it does not depend on chance. It is final when
// it has come so many times within the time.
const (
	libraryErrorTimes  = 3
	libraryErrorWithin = 10 * time.Minute
)

// libraryErrors counts how often the same library error has come.
type libraryErrors struct {
	mu    sync.Mutex
	text  string // of the last
	times int
	last  time.Time
}

// count takes note of a library error, and of no other. It must be called once
// for each, not by every operation that meets it.
func (l *libraryErrors) count(err error) {
	var own libraryError
	if !errors.As(err, &own) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if own.Error() != l.text || time.Since(l.last) > libraryErrorWithin {
		l.times = 0
	}
	l.text, l.last = own.Error(), time.Now()
	l.times++
}

// finalIfRepeated returns err as a final error if it has come too often.
func (l *libraryErrors) finalIfRepeated(err error) error {
	var own libraryError
	if !errors.As(err, &own) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if own.Error() != l.text || l.times < libraryErrorTimes {
		return err
	}
	return finalError{fmt.Errorf("the same error %d times: %w", l.times, err)}
}
