package iothub_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

// answers returns what a hub does to messages: it tells one outcome after the
// other, and accepts the rest.
func answers(states ...amqpwire.DeliveryState) func(c *fakeHubConn, channel uint16, id uint32) {
	return func(c *fakeHubConn, channel uint16, id uint32) {
		if len(states) == 0 {
			c.outcome(channel, id, &amqpwire.Accepted{})
			return
		}
		c.outcome(channel, id, states[0])
		states = states[1:]
	}
}

// TestAnswersToSends wants a message to be sent again only if the hub says that
// it does not have it, and to be in doubt if the hub leaves that open.
func TestAnswersToSends(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer func(c *fakeHubConn, channel uint16, id uint32)
		sends  int
		doubt  bool
	}{
		{"accepted", answers(), 1, false},
		{"released", answers(&amqpwire.Released{}, &amqpwire.Released{}), 3, false},
		{"modified", answers(&amqpwire.Modified{}), 2, false},
		{"no outcome", answers(nil), 1, true},
		{"received, as the last word", answers(&amqpwire.Received{}), 1, true},
		{"received, and then accepted", func(c *fakeHubConn, channel uint16, id uint32) {
			c.send(channel, &amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: id, State: &amqpwire.Received{}})
			time.AfterFunc(30*time.Second, func() { c.outcome(channel, id, &amqpwire.Accepted{}) })
		}, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sends := 0
				hub := &fakeHub{t: t, transfer: func(c *fakeHubConn, channel uint16, id uint32) {
					sends++
					tt.answer(c, channel, id)
				}}
				defer hub.served.Wait()
				s := hub.service(iothub.Options{})
				err := s.Send(t.Context(), "dev1", &iothub.Message{})
				if (err != nil) != tt.doubt || errors.Is(err, iothub.ErrIndeterminate) != tt.doubt {
					t.Errorf("Send = %v, want doubt: %t", err, tt.doubt)
				}
				if sends != tt.sends || s.Resent() != 0 {
					t.Errorf("sent %d times, %d of them in doubt, want %d and 0", sends, s.Resent(), tt.sends)
				}
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestReleasedAfterTimeout wants a message whose first answer was lost to stay in
// doubt, whatever the answer to the next attempt.
func TestReleasedAfterTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sends := 0
		hub := &fakeHub{t: t, transfer: func(c *fakeHubConn, channel uint16, id uint32) {
			if sends++; sends > 1 {
				c.outcome(channel, id, &amqpwire.Released{})
			}
		}}
		defer hub.served.Wait()
		s := hub.service(iothub.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		err := s.Send(ctx, "dev1", &iothub.Message{})
		if !errors.Is(err, iothub.ErrIndeterminate) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Send = %v, want that its time is up, and doubt", err)
		}
		_ = s.Close(t.Context())
	})
}
