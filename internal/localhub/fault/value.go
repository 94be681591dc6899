package fault

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
)

// noAnswer is the value of refuse-auth that withholds the reply, noReason that of
// close that gives no error.
const (
	noAnswer = "none"
	noReason = "none"
)

// shortConditions are the words for common conditions.
var shortConditions = map[string]amqpwire.Symbol{
	"detach-forced":     amqpserver.CondDetachForced,
	"stolen":            amqpserver.CondStolen,
	"internal-error":    amqpserver.CondInternalError,
	"resource-limit":    amqpserver.CondLimitExceeded,
	"not-found":         amqpserver.CondNotFound,
	"unauthorized":      amqpserver.CondUnauthorized,
	"throttled":         "com.microsoft:device-container-throttled",
	"connection-forced": amqpserver.CondConnectionForced,
}

func isCondition(s string) error {
	if _, short := shortConditions[s]; short || strings.Contains(s, ":") {
		return nil
	}
	return fmt.Errorf("%q is not an error condition", s)
}

// isReason takes no error for a reason as well.
func isReason(s string) error {
	if s == noReason {
		return nil
	}
	return isCondition(s)
}

func isAuthStatus(s string) error {
	switch s {
	case "400", "401", "403", "404", "500", "503", noAnswer:
		return nil
	}
	return fmt.Errorf("%q is not one of 400, 401, 403, 404, 500, 503, none", s)
}

func isDuration(s string) error {
	if d, err := time.ParseDuration(s); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration", s)
	}
	return nil
}

// onPurpose is the error of a fault.
func onPurpose(value string, usual amqpwire.Symbol) *amqpwire.Error {
	condition := usual
	if value != "" {
		condition = cmp.Or(shortConditions[value], amqpwire.Symbol(value))
	}
	return amqpserver.Errorf(condition, "The hub was told to fail here.")
}

// closing is the error with which close ends a connection.
func closing(value string) error {
	if value == noReason {
		return errNoReason
	}
	return onPurpose(value, amqpserver.CondConnectionForced)
}

// authStatus is the status that refuse-auth gives a token.
func authStatus(value string) int32 {
	n, _ := strconv.ParseInt(cmp.Or(value, "401"), 10, 32) // it has been checked
	return int32(n)
}

// lockOnPurpose is the life that expire-locks gives a lock.
func lockOnPurpose(value string) time.Duration {
	d, _ := time.ParseDuration(cmp.Or(value, "1s")) // it has been checked
	return d
}
