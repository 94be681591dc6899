package iothub

import (
	"context"
	"errors"
	"testing"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/tap"
	"iothub-c2d/internal/sas"
)

// TestLockLost wants every answer that means so to be a lost lock.
func TestLockLost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want bool // it is a lost lock, else a message that is not settled
	}{
		{"the hub says so", &amqp.Error{Condition: "com.microsoft:message-lock-lost"}, true},
		{"no such message", &amqp.Error{Condition: amqp.ErrCondNotFound}, true},
		{"the link is gone", &amqp.LinkError{}, true},
		{"the connection is gone", &amqp.ConnError{}, true},
		{"another refusal", &amqp.Error{Condition: amqp.ErrCondNotAllowed}, false},
		{"a fault of the hub's", &amqp.Error{Condition: amqp.ErrCondInternalError}, false},
		{"released", &amqp.Error{Condition: tap.OtherOutcome, Description: "released"}, true},
		{"modified", &amqp.Error{Condition: tap.OtherOutcome, Description: "modified"}, true},
		{"rejected", &amqp.Error{Condition: tap.OtherOutcome, Description: "rejected"}, false},
	} {
		h := held{attachment: newAttachment[*amqp.Receiver](newClient(sas.ConnectionString{}, nil), nil)}
		err := h.settle(t.Context(), "complete message", func(*amqp.Receiver, context.Context, *amqp.Message) error {
			return tt.err
		})
		if got := errors.Is(err, ErrLockLost); err == nil || got != tt.want {
			t.Errorf("%s: %v is a lost lock: %t, want %t", tt.name, err, got, tt.want)
		}
		if got := errors.Is(err, ErrNotSettled); got == tt.want {
			t.Errorf("%s: %v is not settled: %t, want %t", tt.name, err, got, !tt.want)
		}
	}
}

// TestRejection wants a message that is rejected to be tried again only for a
// reason that is known to pass.
func TestRejection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		reason *amqp.Error
		want   remedy
	}{
		{"busy", &amqp.Error{Condition: "com.microsoft:server-busy"}, retry},
		{"too large", &amqp.Error{Condition: amqp.ErrCondMessageSizeExceeded}, stop},
		{"unknown", &amqp.Error{Condition: "com.microsoft:device-disabled"}, stop},
		{"none", nil, stop},
	} {
		err := refine(rejection(tt.reason))
		if got := remedyFor(err); got != tt.want || !neverTaken(err) {
			t.Errorf("%s: remedy of %v = %v, never taken %t, want %v, and so", tt.name, err, got, neverTaken(err), tt.want)
		}
	}
}
