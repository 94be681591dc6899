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
		for _, other := range []error{ErrUnauthorized, ErrNotFound, ErrQueueFull, ErrTooLarge, ErrLockLost, ErrDisplaced, ErrInvalidMessage, ErrQuotaExceeded} {
			if got, want := errors.Is(err, other), other == sentinel; got != want {
				t.Errorf("%s is %q: %v, want %v", condition, other, got, want)
			}
		}
	}
}

// TestLimits wants only a full queue to be called so.
func TestLimits(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]error{
		0:      ErrQueueFull, // as other hubs say it
		403004: ErrQueueFull,
		403002: ErrQuotaExceeded,
		403005: ErrQuotaExceeded,
	} {
		err := &HubError{Condition: "amqp:resource-limit-exceeded", Code: code}
		for _, sentinel := range []error{ErrQueueFull, ErrQuotaExceeded} {
			if got := errors.Is(err, sentinel); got != (sentinel == want) {
				t.Errorf("code %d is %q: %t, want %t", code, sentinel, got, !got)
			}
		}
	}
}

// TestStatus reads the answers to put-token.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		code        any
		description any
		want        error // nil for none; errPassing for one that may pass
		text        string
	}{
		{"good", int32(200), "OK", nil, ""},
		{"accepted", int32(202), nil, nil, ""},
		{"of another type", int16(200), nil, nil, ""},
		{"bad request", int32(400), "no", ErrInvalidMessage, "authenticate: the hub answered amqp:invalid-field (400): no"},
		{"bad key", int32(401), "no", ErrUnauthorized, "authenticate: the hub answered amqp:unauthorized-access (401): no"},
		{"too many", int32(403), "no", ErrQuotaExceeded, "authenticate: the hub answered com.microsoft:quota-exceeded (403): no"},
		{"no such device", int32(404), nil, ErrNotFound, "authenticate: the hub answered amqp:not-found (404)"},
		{"out of order", int32(500), nil, errPassing, "authenticate: the hub answered amqp:internal-error (500)"},
		{"nothing", nil, nil, errPassing, "authenticate: the hub answered amqp:internal-error"},
	} {
		err := status(&amqp.Message{ApplicationProperties: map[string]any{"status-code": tt.code, "status-description": tt.description}})
		if tt.want == nil {
			if err != nil {
				t.Errorf("%s: %v, want nil", tt.name, err)
			}
			continue
		}
		if err == nil || err.Error() != tt.text {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.text)
		}
		if passing := tt.want == errPassing; passing == (remedyFor(err) == stop) || !passing && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

var errPassing = errors.New("what may pass")
