package iothub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

// TestAnswersToSettlements wants a settlement to be told as done only if the hub
// says so, and the device to go on whatever it says.
func TestAnswersToSettlements(t *testing.T) {
	t.Parallel()
	complete, abandon, reject := (*iothub.Delivery).Complete, (*iothub.Delivery).Abandon, (*iothub.Delivery).Reject
	internal := &amqpwire.Rejected{Error: &amqpwire.Error{Condition: "amqp:internal-error", Description: "a bad day"}}
	for _, tt := range []struct {
		name   string
		settle func(*iothub.Delivery, context.Context) error
		answer amqpwire.DeliveryState
		want   error
		text   string
	}{
		{"complete, accepted", complete, &amqpwire.Accepted{}, nil, ""},
		{"complete, no state", complete, nil, nil, ""},
		{"complete, released", complete, &amqpwire.Released{}, iothub.ErrLockLost, "the hub answered released"},
		{"complete, modified", complete, &amqpwire.Modified{}, iothub.ErrLockLost, "the hub answered modified"},
		{"complete, rejected", complete, &amqpwire.Rejected{}, iothub.ErrNotSettled, "it answered rejected"},
		{"complete, received", complete, &amqpwire.Received{}, iothub.ErrNotSettled, "it answered received"},
		{"complete, internal error", complete, internal, iothub.ErrNotSettled, "amqp:internal-error: a bad day"},
		{"complete, lock lost", complete, &amqpwire.Rejected{Error: &amqpwire.Error{Condition: "com.microsoft:message-lock-lost"}}, iothub.ErrLockLost, ""},
		{"abandon, released", abandon, &amqpwire.Released{}, nil, ""},
		{"abandon, accepted", abandon, &amqpwire.Accepted{}, nil, ""},
		{"abandon, rejected", abandon, &amqpwire.Rejected{}, iothub.ErrNotSettled, "it answered rejected"},
		{"reject, rejected", reject, &amqpwire.Rejected{}, nil, ""},
		{"reject, accepted", reject, &amqpwire.Accepted{}, nil, ""},
		{"reject, released", reject, &amqpwire.Released{}, iothub.ErrLockLost, "the hub answered released"},
		{"reject, internal error", reject, internal, iothub.ErrNotSettled, "a bad day"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				answers := 0
				hub := &fakeHub{t: t, messages: make([]amqpwire.Message, 2), settle: func(c *fakeHubConn, channel uint16, asked *amqpwire.Disposition) {
					if answers++; answers == 1 {
						c.confirm(channel, asked.First, tt.answer)
						return
					}
					c.confirm(channel, asked.First, asked.State)
				}}
				defer hub.served.Wait()
				d := hub.device("dev1", iothub.Options{Lost: func(err error) { t.Errorf("connection lost: %v", err) }})
				first, err := d.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				err = tt.settle(first, t.Context())
				if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.text) {
					t.Errorf("error = %v, want %v, %q", err, tt.want, tt.text)
				}
				second, err := d.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if err := second.Complete(t.Context()); err != nil {
					t.Errorf("the next message: %v", err)
				}
				if err := d.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
