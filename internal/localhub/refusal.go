package localhub

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// The error conditions that the hub uses (AMQP 1.0 part 2 §2.8.15 to §2.8.18,
// and Microsoft's own), as the SDKs know them.
const (
	condDecodeError      amqpwire.Symbol = "amqp:decode-error"
	condInternalError    amqpwire.Symbol = "amqp:internal-error"
	condNotAllowed       amqpwire.Symbol = "amqp:not-allowed"
	condNotFound         amqpwire.Symbol = "amqp:not-found"
	condNotImplemented   amqpwire.Symbol = "amqp:not-implemented"
	condLimitExceeded    amqpwire.Symbol = "amqp:resource-limit-exceeded"
	condUnauthorized     amqpwire.Symbol = "amqp:unauthorized-access"
	condConnectionForced amqpwire.Symbol = "amqp:connection:forced"
	condFramingError     amqpwire.Symbol = "amqp:connection:framing-error"
	condUnattachedHandle amqpwire.Symbol = "amqp:session:unattached-handle"
	condHandleInUse      amqpwire.Symbol = "amqp:session:handle-in-use"
	condDetachForced     amqpwire.Symbol = "amqp:link:detach-forced"
	condStolen           amqpwire.Symbol = "amqp:link:stolen"
	condTooLarge         amqpwire.Symbol = "amqp:link:message-size-exceeded"
	condTransferLimit    amqpwire.Symbol = "amqp:link:transfer-limit-exceeded"
	condArgument         amqpwire.Symbol = "com.microsoft:argument-error"
	condLockLost         amqpwire.Symbol = "com.microsoft:message-lock-lost"
)

// IoT Hub's own error codes. Source: Microsoft docs, troubleshoot-error-codes,
// and the code tables of the SDKs.
const (
	codeBadArgument     = 400004
	codeUnauthorized    = 401002
	codeQueueFull       = 403004
	codeTooManyTokens   = 403005
	codeExpired         = 403009
	codeDeviceNotFound  = 404001
	codeAddressNotFound = 404006
	codeLinkConflict    = 409002
	codeLockLost        = 412002
	codeTooLarge        = 413001
	codeTooManyModules  = 413003
	codeInternal        = 500001
	codeNotImplemented  = 501001
)

// refusal makes an error as IoT Hub words it: the description is a JSON object
// with the hub's own code and a tracking id, which is also in info.
func refusal(condition amqpwire.Symbol, code int, format string, args ...any) *amqpwire.Error {
	now := time.Now()
	trackingID := newTrackingID(now)
	description, err := json.Marshal(struct {
		ErrorCode    int    `json:"errorCode"`
		TrackingID   string `json:"trackingId"`
		Message      string `json:"message"`
		TimestampUTC string `json:"timestampUtc"`
	}{code, trackingID, fmt.Sprintf(format, args...), now.UTC().Format(timestampLayout)})
	if err != nil { // strings and a number: cannot happen
		description = nil
	}
	return &amqpwire.Error{
		Condition:   condition,
		Description: string(description),
		Info: amqpwire.Map{
			{Key: amqpwire.Symbol("com.microsoft:tracking-id"), Value: trackingID},
		},
	}
}

// newTrackingID returns what IoT Hub puts into every error, so that its operators
// can find it in their logs.
func newTrackingID(now time.Time) string {
	id := newLockToken() // 16 random bytes
	return fmt.Sprintf("%X-G:0-TimeStamp:%s", id[:], now.UTC().Format("01/02/2006 15:04:05"))
}

// protocolError is a breach of AMQP itself; it has no code of the hub's.
func protocolError(condition amqpwire.Symbol, format string, args ...any) *amqpwire.Error {
	return &amqpwire.Error{Condition: condition, Description: fmt.Sprintf(format, args...)}
}

// asProtocolError finds what to tell the peer about err, which came out of
// reading a frame. It returns nil if there is nobody left to tell.
func asProtocolError(err error) *amqpwire.Error {
	var told *amqpwire.Error
	switch {
	case errors.As(err, &told):
		return told
	case errors.Is(err, amqpwire.ErrDecode):
		return protocolError(condDecodeError, "%v", err)
	case errors.Is(err, amqpwire.ErrFraming):
		return protocolError(condFramingError, "%v", err)
	}
	return nil
}

// abridge leaves nothing but the condition of the error in a frame that would
// be larger than the client takes (part 2 §2.7.1).
func (c *conn) abridge(body amqpwire.Performative) {
	reason := errorIn(body)
	if reason == nil || *reason == nil {
		return
	}
	b, err := amqpwire.AppendFrame(nil, amqpwire.Frame{Body: body})
	if err == nil && len(b) > c.peerFrameSize() {
		*reason = &amqpwire.Error{Condition: (*reason).Condition} // the old one may be in other frames too
	}
}

// errorIn returns the place for an error in a frame, nil if it has none.
func errorIn(body amqpwire.Performative) **amqpwire.Error {
	switch body := body.(type) {
	case *amqpwire.Disposition:
		if rejected, ok := body.State.(*amqpwire.Rejected); ok {
			return &rejected.Error
		}
	case *amqpwire.Detach:
		return &body.Error
	case *amqpwire.End:
		return &body.Error
	case *amqpwire.Close:
		return &body.Error
	}
	return nil
}

// explain returns the human part of an error, for the log.
func explain(e *amqpwire.Error) string {
	var d struct {
		Message string `json:"message"`
	}
	if json.Unmarshal([]byte(e.Description), &d) == nil && d.Message != "" {
		return d.Message
	}
	return strings.TrimSpace(e.Description)
}

// lockLost words the failure of a settlement. One has a condition of its own.
func lockLost(err error) *amqpwire.Error {
	if errors.Is(err, errLockLost) {
		return refusal(condLockLost, codeLockLost, "The lock of the message has run out.")
	}
	return refusal(condInternalError, codeInternal, "%v", err)
}
