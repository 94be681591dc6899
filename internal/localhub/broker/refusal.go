package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Code is one of IoT Hub's own error codes: the first three digits are the HTTP
// status. Source: Microsoft docs, troubleshoot-error-codes, and the code tables
// of the SDKs.
type Code int

// The codes that the hub uses.
const (
	BadVersion         Code = 400001
	NotAllowed         Code = 400003
	BadArgument        Code = 400004
	BulkFailure        Code = 400013
	Unauthorized       Code = 401002
	QueueFull          Code = 403004
	TooManyTokens      Code = 403005
	HubFull            Code = 403007 // IoT Hub's is about the size of one device's queue
	Expired            Code = 403009
	NotFound           Code = 404000
	DeviceNotFound     Code = 404001
	AddressNotFound    Code = 404006
	ModuleNotFound     Code = 404010
	DeviceExists       Code = 409001
	LinkConflict       Code = 409002
	ModuleExists       Code = 409301
	PreconditionFailed Code = 412001
	LockLost           Code = 412002
	TooLarge           Code = 413001
	TooManyDevices     Code = 413002
	TooManyModules     Code = 413003
	Throttled          Code = 429001
	Internal           Code = 500001
	NotImplemented     Code = 501001
)

// HTTPStatus returns the status that goes with the code.
func (c Code) HTTPStatus() int { return int(c) / 1000 }

// NewTrackingID returns what IoT Hub puts into every error, so that its operators
// can find it in their logs.
func NewTrackingID(now time.Time) string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // documented never to fail
	return fmt.Sprintf("%X-G:0-TimeStamp:%s", id[:], now.UTC().Format("01/02/2006 15:04:05"))
}

// Refusal is an error that a client is told. Each door puts it in the form of
// its protocol.
type Refusal struct {
	Code    Code
	Message string
}

// Refuse makes a refusal. It quotes strings in brief: a client that gets its own
// text back, or a log that repeats it, must not have to hold all of it.
func Refuse(code Code, format string, args ...any) *Refusal {
	args = slices.Clone(args)
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = Brief(text)
		}
	}
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// maxQuote is how much of a client's text is repeated, in bytes: more than the
// path of a module has with ids of [MaxID].
const maxQuote = 300

// Brief returns a client's text as refusals and logs quote it: the beginning, in
// memory of its own, if it is long.
func Brief(text string) string {
	if len(text) <= maxQuote {
		return text
	}
	return strings.ToValidUTF8(text[:maxQuote], "") + "…"
}

func (r *Refusal) Error() string { return r.Message }

// NoDevice is the refusal of a device that is not registered with the hub.
func NoDevice(device, hub string) *Refusal {
	return Refuse(DeviceNotFound, "Device %s at IotHub %s not registered.", device, hub)
}

// AsRefusal words an error of [Queue.Settle]. A lost lock has a code of its own.
func AsRefusal(err error) *Refusal {
	if errors.Is(err, ErrLockLost) {
		return Refuse(LockLost, "The lock of the message has run out.")
	}
	return Refuse(Internal, "%v", err)
}
