package amqpfront

import (
	"encoding/json"
	"strings"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// conditions are the error conditions that go with IoT Hub's codes, as the SDKs
// know them.
var conditions = map[broker.Code]amqpwire.Symbol{
	broker.NotAllowed:      amqpserver.CondNotAllowed,
	broker.BadArgument:     "com.microsoft:argument-error",
	broker.Unauthorized:    amqpserver.CondUnauthorized,
	broker.QueueFull:       amqpserver.CondLimitExceeded,
	broker.TooManyTokens:   amqpserver.CondLimitExceeded,
	broker.HubFull:         amqpserver.CondLimitExceeded,
	broker.Expired:         amqpserver.CondNotAllowed,
	broker.DeviceNotFound:  amqpserver.CondNotFound,
	broker.AddressNotFound: amqpserver.CondNotFound,
	broker.LinkConflict:    amqpserver.CondStolen,
	broker.LockLost:        "com.microsoft:message-lock-lost",
	broker.TooLarge:        amqpserver.CondTooLarge,
	broker.TooManyModules:  amqpserver.CondLimitExceeded,
	broker.Throttled:       "com.microsoft:device-container-throttled",
	broker.Internal:        amqpserver.CondInternalError,
	broker.NotImplemented:  amqpserver.CondNotImplemented,
}

// worded makes an error of a refusal as IoT Hub words it over AMQP: the
// description is a JSON object with the hub's own code and a tracking id, which
// is also in info. Nil stays nil.
func worded(r *broker.Refusal) *amqpwire.Error {
	if r == nil {
		return nil
	}
	now := time.Now()
	trackingID := broker.NewTrackingID(now)
	description, err := json.Marshal(struct {
		ErrorCode    broker.Code `json:"errorCode"`
		TrackingID   string      `json:"trackingId"`
		Message      string      `json:"message"`
		TimestampUTC string      `json:"timestampUtc"`
	}{r.Code, trackingID, r.Message, now.UTC().Format(broker.TimestampLayout)})
	if err != nil { // strings and a number: cannot happen
		description = nil
	}
	return &amqpwire.Error{
		Condition:   conditions[r.Code],
		Description: string(description),
		Info: amqpwire.Map{
			{Key: amqpwire.Symbol("com.microsoft:tracking-id"), Value: trackingID},
		},
	}
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

// notDecoded words that a message is no AMQP.
func notDecoded(err error) *amqpwire.Rejected {
	return &amqpwire.Rejected{Error: amqpserver.Errorf(amqpserver.CondDecodeError, "%v", err)}
}

// tooLarge words that a message is above what its link takes.
func tooLarge(limit int) *amqpwire.Error {
	return worded(broker.Refuse(broker.TooLarge, "The message is larger than %d bytes.", limit))
}
