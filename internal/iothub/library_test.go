package iothub_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

// TestLibraryErrorsEnd wants an error of go-amqp's own, which comes again each
// time, not to be taken for a lost connection for ever.
func TestLibraryErrorsEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault func(h *fakeHub)
		send  bool // else receive
		want  string
	}{
		{"a message without a delivery tag", func(h *fakeHub) {
			h.deliver = func(c *fakeHubConn, l *fakeLink) {
				c.send(l.channel, &amqpwire.Transfer{Handle: l.attach.Handle, DeliveryID: new(uint32), MessageFormat: new(uint32)})
			}
		}, false, "without a delivery-tag"},
		{"a link that is refused without a reason", func(h *fakeHub) {
			h.attach = func(answer *amqpwire.Attach) { answer.Source, answer.Target = nil, nil }
		}, false, "detach with no error"},
		{"a link on which all messages are settled when sent", func(h *fakeHub) {
			h.attach = func(answer *amqpwire.Attach) { answer.SndSettleMode = new(amqpwire.SenderSettled) }
		}, true, "SenderSettleModeSettled"},
		{"a hub that allows one session", func(h *fakeHub) {
			h.open = func(answer *amqpwire.Open) { answer.ChannelMax = new(uint16) }
		}, true, "channel max"},
		{"a hub whose frames are too small for a link", func(h *fakeHub) {
			h.open = func(answer *amqpwire.Open) { answer.MaxFrameSize = new(uint32(400)) }
		}, false, "larger than peer's max frame size"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				longID := strings.Repeat("*", 128) // each takes three bytes in the address
				hub := &fakeHub{t: t}
				defer hub.served.Wait()
				s, d := hub.service(iothub.Options{}), hub.device(longID, iothub.Options{})
				synctest.Wait()
				tt.fault(hub)
				before := hub.cut()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began := time.Now()
				var err error
				if tt.send {
					err = s.Send(ctx, "dev1", &iothub.Message{})
				} else {
					_, err = d.Receive(ctx)
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "the same error 3 times") {
					t.Errorf("error = %v, want %q, 3 times", err, tt.want)
				}
				if took := time.Since(began); took > time.Minute {
					t.Errorf("it took %s, want a minute at most", took)
				}
				if n := hub.cut() - before; n > 4 {
					t.Errorf("%d connections, want 4 at most", n)
				}
				_ = d.Close(t.Context())
				_ = s.Close(t.Context())
			})
		})
	}
}
