package console

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
)

func TestReason(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("x"), "x"},
		{fmt.Errorf("send: %w", &iothub.HubError{Condition: "amqp:internal-error"}), "amqp:internal-error"},
		{fmt.Errorf("send: %w", &iothub.HubError{Condition: "amqp:internal-error", Message: "no", Code: 500001}), "amqp:internal-error: no"},
	} {
		if got := Reason(test.err); got != test.want {
			t.Errorf("%v: got %q, want %q", test.err, got, test.want)
		}
	}
}

// TestOutage: a hub that is away is told once it goes, after 3 s, and at the end; one
// that is back only once.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		back bool
		want string
	}{
		{"it stays away", false, "connection lost: EOF; reconnecting\nWaiting for the hub to come back; last: EOF.\nThe hub has been away for 5s: EOF\n"},
		{"it comes back", true, "connection lost: EOF; reconnecting\nconnection restored after 2s\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var errs bytes.Buffer
			c := &Console{Err: &errs}
			c.lost(errors.New("EOF"), new(iothub.Progress))
			time.Sleep(2 * time.Second)
			if test.back {
				c.restored(2 * time.Second)
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			c.tellOutage()
			if got := errs.String(); got != test.want {
				t.Errorf("%s: got %q\nwant %q", test.name, got, test.want)
			}
			if !test.back {
				c.restored(0) // ends the phase
			}
		})
	}
}

func TestConnecting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var errs bytes.Buffer
		c := &Console{Err: &errs}
		phase := c.Connecting("h", new(iothub.Progress))
		time.Sleep(4 * time.Second)
		synctest.Wait()
		phase.End()
		if got := errs.String(); !strings.HasPrefix(got, "Waiting for the connection to h.") {
			t.Errorf("got %q", got)
		}
	})
}
