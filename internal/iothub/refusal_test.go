package iothub

import (
	"errors"
	"fmt"
	"testing"

	"github.com/Azure/go-amqp"
)

// realDescription is what a real hub said in azure-iot-sdk-c issue 210.
const realDescription = `{"errorCode":404006,"trackingId":"0123-G:2-TimeStamp:08/17/2017 10:48:44","message":"The link address did not match any of the expected formats.","timestampUtc":"2017-08-17T10:48:44.5309043Z"}`

func TestRefine(t *testing.T) {
	t.Parallel()
	remote := &amqp.Error{Condition: "amqp:not-found", Description: realDescription}
	want := "the hub answered amqp:not-found (404006): The link address did not match any of the expected formats."
	for name, err := range map[string]error{
		"delivery":          remote,
		"link":              &amqp.LinkError{RemoteErr: remote},
		"session":           &amqp.SessionError{RemoteErr: remote},
		"connection":        &amqp.ConnError{RemoteErr: remote},
		"wrapped":           fmt.Errorf("attach: %w", &amqp.LinkError{RemoteErr: remote}),
		"refined already":   refine(remote),
		"refined and wraps": fmt.Errorf("send: %w", refine(remote)),
	} {
		refined := refine(err)
		var hub *HubError
		if !errors.As(refined, &hub) {
			t.Errorf("%s: refine(%v) = %T", name, err, refined)
			continue
		}
		if got := hub.Error(); got != want {
			t.Errorf("%s: error = %q, want %q", name, got, want)
		}
		if hub.Code != 404006 || hub.TrackingID != "0123-G:2-TimeStamp:08/17/2017 10:48:44" || !errors.Is(refined, ErrNotFound) || errors.Is(refined, ErrQueueFull) {
			t.Errorf("%s: refined = %+v", name, hub)
		}
	}
}

func TestRefineOtherErrors(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errors.New("network"), &amqp.LinkError{}, &amqp.ConnError{}} {
		if got := refine(err); got != err {
			t.Errorf("refine(%v) = %v", err, got)
		}
	}
}

func TestHubErrorWithoutJSON(t *testing.T) {
	t.Parallel()
	err := refine(&amqp.Error{Condition: "amqp:internal-error", Description: "out of order", Info: map[string]any{"com.microsoft:tracking-id": "t"}})
	var hub *HubError
	if !errors.As(err, &hub) || hub.TrackingID != "t" || err.Error() != "the hub answered amqp:internal-error: out of order" {
		t.Errorf("refined = %v", err)
	}
}

// TestConditions checks the sentinel of every condition in the SDKs' tables
// that callers act upon.
func TestConditions(t *testing.T) {
	t.Parallel()
	for condition, sentinel := range conditions {
		err := fmt.Errorf("send: %w", &HubError{Condition: condition})
		for _, other := range []error{ErrUnauthorized, ErrNotFound, ErrQueueFull, ErrTooLarge, ErrLockLost, ErrDisplaced, ErrInvalidMessage} {
			if got, want := errors.Is(err, other), other == sentinel; got != want {
				t.Errorf("%s is %q: %v, want %v", condition, other, got, want)
			}
		}
	}
}
