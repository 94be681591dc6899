package iothub_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

// TestEndlessRange wants a disposition about all ids that there are to be taken
// for those that wait, and the next operation to find everything as usual.
func TestEndlessRange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := func(c *fakeHubConn, channel uint16, role bool) {
			c.send(channel, &amqpwire.Disposition{Role: role, Last: new(uint32(math.MaxUint32)), Settled: true, State: &amqpwire.Accepted{}})
		}
		hub := &fakeHub{
			t:        t,
			transfer: func(c *fakeHubConn, channel uint16, _ uint32) { all(c, channel, amqpwire.RoleReceiver) },
			settle: func(c *fakeHubConn, channel uint16, _ *amqpwire.Disposition) {
				all(c, channel, amqpwire.RoleSender)
			},
			messages: make([]amqpwire.Message, 3),
		}
		defer hub.served.Wait()
		s, d := hub.service(iothub.Options{}), hub.device("dev1", iothub.Options{})
		for range 3 {
			if err := s.Send(t.Context(), "dev1", &iothub.Message{}); err != nil {
				t.Error(err)
			}
			m, err := d.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Complete(t.Context()); err != nil {
				t.Error(err)
			}
		}
		_ = s.Close(t.Context())
		_ = d.Close(t.Context())
	})
}

// TestEndlessMessage wants a message, or a frame, that is larger than any to end
// the device, with an error that says so.
func TestEndlessMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		send func(c *fakeHubConn, l *fakeLink)
		want string
	}{
		{"message", func(c *fakeHubConn, l *fakeLink) {
			part := make([]byte, 60_000)
			for range 300 {
				c.send(l.channel, &amqpwire.Transfer{
					Handle: l.attach.Handle, DeliveryID: new(uint32), DeliveryTag: []byte{1}, MessageFormat: new(uint32), More: true,
				}, part...)
			}
		}, "a message that does not end: it has more than 16777216 bytes"},
		{"frame", func(c *fakeHubConn, l *fakeLink) {
			c.send(l.channel, &amqpwire.Transfer{
				Handle: l.attach.Handle, DeliveryID: new(uint32), DeliveryTag: []byte{1}, MessageFormat: new(uint32),
			}, make([]byte, 70_000)...)
		}, "which may have 65536 at most"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hub := &fakeHub{t: t, deliver: tt.send}
				defer hub.served.Wait()
				d := hub.device("dev1", iothub.Options{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := d.Receive(ctx); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Receive = %v, want %q", err, tt.want)
				}
				_ = d.Close(t.Context())
			})
		})
	}
}
