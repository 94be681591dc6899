package iothub

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/dial"
	"iothub-c2d/internal/iothub/tap"
)

// The hub's refusals that callers act upon. A [*HubError] is one of them, in the sense of
// errors.Is, by its condition. Source of the conditions: the error tables of
// the Node, C# and Java SDKs.
var (
	ErrUnauthorized   = errors.New("authentication refused")
	ErrNotFound       = errors.New("not found")
	ErrQueueFull      = errors.New("queue full")
	ErrTooLarge       = errors.New("message too large")
	ErrLockLost       = errors.New("message lock lost")
	ErrDisplaced      = errors.New("displaced by another receiver")
	ErrInvalidMessage = errors.New("invalid message")
	ErrQuotaExceeded  = errors.New("quota exceeded")
	ErrThrottled      = errors.New("throttled") // too much at a time: it passes
)

// Errors of the way to the hub. Those that say more are these in the sense of
// errors.Is.
var (
	ErrProxy    = dial.ErrProxy    // the proxy, not the hub, is the cause
	ErrNotAMQP  = tap.ErrNotAMQP   // the server is no AMQP 1.0 server
	ErrNoSocket = dial.ErrNoSocket // the server is an HTTP server without a hub's WebSocket
)

// conditions gives AMQP's conditions their meaning here.
var conditions = map[string]error{
	"amqp:unauthorized-access":             ErrUnauthorized,
	"amqp:not-found":                       ErrNotFound,
	"amqp:resource-limit-exceeded":         ErrQueueFull,
	"com.microsoft:quota-exceeded":         ErrQuotaExceeded,
	conditionThrottled:                     ErrThrottled,
	conditionBusy:                          ErrThrottled,
	"429 Too Many Requests":                ErrThrottled,
	"amqp:link:message-size-exceeded":      ErrTooLarge,
	"com.microsoft:message-lock-lost":      ErrLockLost,
	"amqp:link:stolen":                     ErrDisplaced,
	"com.microsoft:link-creation-conflict": ErrDisplaced,
	"amqp:not-allowed":                     ErrInvalidMessage,
	"amqp:decode-error":                    ErrInvalidMessage,
	"amqp:invalid-field":                   ErrInvalidMessage,
	"com.microsoft:argument-error":         ErrInvalidMessage,
	"com.microsoft:argument-out-of-range":  ErrInvalidMessage,
	"401 Unauthorized":                     ErrUnauthorized,
	"404 Not Found":                        ErrNotFound,
}

// HubError is the hub's reason for saying no.
type HubError struct {
	Op         string // what was refused, empty if the context says it
	Condition  string // AMQP's, such as amqp:not-found, or HTTP's status
	Code       int    // IoT Hub's own, such as 404001, or put-token's status; 0 if it gave none
	Message    string // for people
	TrackingID string // for Microsoft's support; may be empty
	cause      error  // go-amqp's error, which tells the extent of the damage
}

// Unwrap returns the error of the AMQP library, if there is one.
func (e *HubError) Unwrap() error { return e.cause }

// Error says what the hub said.
func (e *HubError) Error() string {
	var b strings.Builder
	if e.Op != "" {
		fmt.Fprintf(&b, "%s: ", e.Op)
	}
	fmt.Fprintf(&b, "the hub answered %s", e.Condition)
	if e.Code != 0 {
		fmt.Fprintf(&b, " (%d)", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	return b.String()
}

// codeQueueFull is IoT Hub's code for a device that has its 50 messages. Source:
// Microsoft docs, troubleshoot error codes.
const codeQueueFull = 403004

// Is makes errors.Is find the sentinel of the condition. A limit that some other
// code names is none of a queue, but of the hub.
func (e *HubError) Is(target error) bool {
	sentinel := conditions[e.Condition]
	if sentinel == ErrQueueFull && e.Code != 0 && e.Code != codeQueueFull {
		sentinel = ErrQuotaExceeded
	}
	return target != nil && sentinel == target
}

// refine wraps the error that the hub sent, wherever go-amqp put it, in a
// [*HubError]; others it returns as they are.
func refine(err error) error {
	remote := remoteError(err)
	var done *HubError
	if remote == nil || errors.As(err, &done) {
		return err
	}
	refined := &HubError{Condition: string(remote.Condition), cause: err}
	refined.TrackingID, _ = remote.Info["com.microsoft:tracking-id"].(string)
	if !refined.describe(remote.Description) {
		refined.Message = mask(remote.Description) // other AMQP peers' are plain text
	}
	return refined
}

// describe takes over what the hub says in a JSON object, and reports whether
// text is one.
func (e *HubError) describe(text string) bool {
	var d struct {
		ErrorCode  int    `json:"errorCode"`
		TrackingID string `json:"trackingId"`
		Message    string `json:"message"`
	}
	if json.Unmarshal([]byte(text), &d) != nil || d.Message == "" {
		return false
	}
	e.Code, e.Message, e.TrackingID = d.ErrorCode, mask(d.Message), cmp.Or(e.TrackingID, d.TrackingID)
	return true
}

// remoteError finds what the hub said in an error of go-amqp, which keeps it
// in a different place for each extent of the damage.
func remoteError(err error) *amqp.Error {
	var link *amqp.LinkError
	var session *amqp.SessionError
	var conn *amqp.ConnError
	var remote *amqp.Error
	switch {
	case errors.As(err, &link) && link.RemoteErr != nil:
		return link.RemoteErr
	case errors.As(err, &session) && session.RemoteErr != nil:
		return session.RemoteErr
	case errors.As(err, &conn) && conn.RemoteErr != nil:
		return conn.RemoteErr
	case errors.As(err, &remote):
		return remote
	}
	return nil
}
