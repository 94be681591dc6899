package amqpserver

import (
	"errors"
	"fmt"

	"iothub-c2d/internal/amqpwire"
)

// The error conditions of AMQP 1.0, part 2 §2.8.15 to §2.8.18.
const (
	CondDecodeError      amqpwire.Symbol = "amqp:decode-error"
	CondFrameTooSmall    amqpwire.Symbol = "amqp:frame-size-too-small"
	CondInternalError    amqpwire.Symbol = "amqp:internal-error"
	CondInvalidField     amqpwire.Symbol = "amqp:invalid-field"
	CondNotAllowed       amqpwire.Symbol = "amqp:not-allowed"
	CondNotFound         amqpwire.Symbol = "amqp:not-found"
	CondNotImplemented   amqpwire.Symbol = "amqp:not-implemented"
	CondLimitExceeded    amqpwire.Symbol = "amqp:resource-limit-exceeded"
	CondUnauthorized     amqpwire.Symbol = "amqp:unauthorized-access"
	CondConnectionForced amqpwire.Symbol = "amqp:connection:forced"
	CondFramingError     amqpwire.Symbol = "amqp:connection:framing-error"
	CondUnattachedHandle amqpwire.Symbol = "amqp:session:unattached-handle"
	CondHandleInUse      amqpwire.Symbol = "amqp:session:handle-in-use"
	CondDetachForced     amqpwire.Symbol = "amqp:link:detach-forced"
	CondStolen           amqpwire.Symbol = "amqp:link:stolen"
	CondTooLarge         amqpwire.Symbol = "amqp:link:message-size-exceeded"
	CondTransferLimit    amqpwire.Symbol = "amqp:link:transfer-limit-exceeded"
)

// Errorf returns an error for the peer.
func Errorf(condition amqpwire.Symbol, format string, args ...any) *amqpwire.Error {
	return &amqpwire.Error{Condition: condition, Description: fmt.Sprintf(format, args...)}
}

// HeaderError is a protocol header that is not that of AMQP 1.0 (part 2 §2.2).
type HeaderError struct{ Header amqpwire.ProtocolHeader }

// Error shows the header.
func (e HeaderError) Error() string {
	return fmt.Sprintf("not AMQP 1.0: it began with %q", e.Header[:])
}

// toldPeer finds what to tell the peer about err, which ended the connection.
// It returns nil if there is nothing to tell.
func toldPeer(err error) *amqpwire.Error {
	var told *amqpwire.Error
	switch {
	case errors.As(err, &told):
		return told
	case errors.Is(err, amqpwire.ErrDecode):
		return Errorf(CondDecodeError, "%v", err)
	case errors.Is(err, amqpwire.ErrFraming):
		return Errorf(CondFramingError, "%v", err)
	}
	return nil
}

// abridge leaves nothing but the condition of the error in a frame that would
// be larger than the client takes (part 2 §2.7.1). The error itself is not
// changed: it may be in other frames too.
func (c *Conn) abridge(body amqpwire.Performative) {
	reason := errorIn(body)
	if reason == nil || c.fits(body) {
		return
	}
	short := &amqpwire.Error{Condition: reason.Condition}
	switch body := body.(type) {
	case *amqpwire.Disposition:
		body.State = &amqpwire.Rejected{Error: short}
	case *amqpwire.Detach:
		body.Error = short
	case *amqpwire.End:
		body.Error = short
	case *amqpwire.Close:
		body.Error = short
	}
}

// errorIn returns the error in a frame, nil if there is none.
func errorIn(body amqpwire.Performative) *amqpwire.Error {
	switch body := body.(type) {
	case *amqpwire.Disposition:
		if rejected, ok := body.State.(*amqpwire.Rejected); ok {
			return rejected.Error
		}
	case *amqpwire.Detach:
		return body.Error
	case *amqpwire.End:
		return body.Error
	case *amqpwire.Close:
		return body.Error
	}
	return nil
}

// fits reports whether the client takes a frame of this body.
func (c *Conn) fits(body amqpwire.Performative) bool {
	b, err := amqpwire.AppendFrame(nil, amqpwire.Frame{Body: body})
	return err != nil || len(b) <= c.peerFrameSize
}
