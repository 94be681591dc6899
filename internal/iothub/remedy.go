package iothub

import (
	"context"
	"crypto/tls"
	"errors"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/dial"
)

// remedy is what helps against an error. Each includes those before it.
type remedy int

const (
	retry     remedy = iota // the same again on the same link
	relink                  // on a new link
	reconnect               // on a new connection
	stop                    // not at all: it would fail again
)

// remedies are the conditions that have a remedy other than the one that the
// extent of the damage suggests. Sources: AMQP 1.0 part 2 §2.8.15 to §2.8.18,
// and the retry tables of Microsoft's C# and Java SDKs.
var remedies = map[amqp.ErrCond]remedy{
	amqp.ErrCondInternalError:               retry,     // a fault of the hub's, that passes
	"com.microsoft:timeout":                 retry,     // the hub was too slow
	conditionThrottled:                      retry,     // too much at a time; see pacer
	conditionBusy:                           retry,     // likewise
	amqp.ErrCondDetachForced:                relink,    // the hub moves things around
	amqp.ErrCondTransferLimitExceeded:       relink,    // the two ends disagree on the credit
	amqp.ErrCondResourceLocked:              relink,    // somebody else holds it for a moment
	amqp.ErrCondConnectionForced:            reconnect, // the hub restarts
	amqp.ErrCondConnectionRedirect:          reconnect, // the same name leads elsewhere now
	amqp.ErrCondFramingError:                reconnect, // bytes were lost on the way
	amqp.ErrCondUnauthorizedAccess:          reconnect, // the token died; a new connection brings a new one
	amqp.ErrCondStolen:                      stop,      // another receiver took the device over: do not fight
	conditionConflict:                       relink,    // two attach at once (the Java SDK tries again)
	amqp.ErrCondNotFound:                    stop,      // no such device or address
	amqp.ErrCondResourceLimitExceeded:       stop,      // the queue is full: for the caller to decide
	amqp.ErrCondMessageSizeExceeded:         stop,      // it will not shrink
	amqp.ErrCondNotAllowed:                  stop,      // the request is wrong
	amqp.ErrCondNotImplemented:              stop,      // likewise
	amqp.ErrCondInvalidField:                stop,      // likewise
	amqp.ErrCondDecodeError:                 stop,      // likewise
	amqp.ErrCondPreconditionFailed:          stop,      // likewise
	"com.microsoft:argument-error":          stop,      // likewise
	"com.microsoft:argument-out-of-range":   stop,      // likewise
	"com.microsoft:quota-exceeded":          stop,      // for today
	"com.microsoft:iot-hub-suspended":       stop,      // until somebody pays
	"com.microsoft:iot-hub-not-found-error": stop,      // it was deleted
	"com.microsoft:message-lock-lost":       stop,      // the message is the next receiver's
}

// The conditions of a hub that has too much to do. Source: the error tables of the
// Node, C# and Java SDKs.
const (
	conditionThrottled = "com.microsoft:device-container-throttled"
	conditionBusy      = "com.microsoft:server-busy"
)

// conditionConflict refuses a link while another is being attached for the same
// device, which passes. As the end of a link that was attached it means what
// stolen does. Source: the Java SDK's retry table for the first, no more than
// likelihood for the second.
const conditionConflict amqp.ErrCond = "com.microsoft:link-creation-conflict"

// requestWrong are the conditions that say that a request is wrong. If they end a
// whole session or connection, they do not mean the request: the two ends no
// longer agree on their state, and a new session or connection helps. It
// happens: go-amqp begins a new session on a channel before it has answered the
// end of the last one there.
var requestWrong = map[amqp.ErrCond]bool{
	amqp.ErrCondNotAllowed:     true,
	amqp.ErrCondNotImplemented: true,
	amqp.ErrCondInvalidField:   true,
	amqp.ErrCondDecodeError:    true,
}

// finalError is an error that another attempt would meet again, whatever its
// condition.
type finalError struct{ error }

func (f finalError) Unwrap() error { return f.error }

// remedyFor returns what to do about err. An error that is not known is treated
// as that of a broken connection.
func remedyFor(err error) remedy {
	if isFinal(err) {
		return stop
	}
	if remote := remoteError(err); remote != nil {
		r, ok := remedies[remote.Condition]
		if remote.Condition == conditionConflict && linkLost(err) {
			return stop // another receiver took over, as with stolen
		}
		if ok && (!requestWrong[remote.Condition] || !agreementLost(err)) {
			// The condition may allow a retry, but not on a link that is detached.
			return max(r, damage(err))
		}
	}
	return damage(err)
}

// isFinal reports whether another attempt is of no use, whoever says so.
func isFinal(err error) bool {
	var final finalError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &final) || errors.As(err, &certificate) ||
		errors.Is(err, dial.ErrSettings) || errors.Is(err, context.Canceled)
}

// linkLost reports whether nothing can be sent on the link any more: it is gone,
// or its session or connection is.
func linkLost(err error) bool {
	var link *amqp.LinkError
	return errors.As(err, &link) || agreementLost(err)
}

// agreementLost reports whether err ended a session or a connection.
func agreementLost(err error) bool {
	var session *amqp.SessionError
	var conn *amqp.ConnError
	return errors.As(err, &session) || errors.As(err, &conn)
}

// damage returns the remedy for what err broke, whatever its condition.
func damage(err error) remedy {
	var link *amqp.LinkError
	var session *amqp.SessionError
	var conn *amqp.ConnError
	var rejected *amqp.Error
	switch {
	case errors.As(err, &conn):
		return reconnect
	case errors.As(err, &link), errors.As(err, &session): // one link has one session
		return relink
	case errors.As(err, &rejected), errors.Is(err, errReleased): // the delivery, or a link that never was
		return retry
	}
	return reconnect
}
