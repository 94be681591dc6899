package iothub_test

import (
	"log/slog"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

// TestSettleModeOfTheHub wants a hub's answer to the mode that we ask for to be
// taken as it is: in mode first, settlements are final and nobody confirms them.
func TestSettleModeOfTheHub(t *testing.T) {
	t.Parallel()
	always := func(mode *uint8) func(*amqpwire.Attach) {
		return func(answer *amqpwire.Attach) { answer.RcvSettleMode = mode }
	}
	for _, tt := range []struct {
		name   string
		attach func(answer *amqpwire.Attach)
		first  bool
	}{
		{"second", always(new(amqpwire.ReceiverSecond)), false},
		{"what was asked for", nil, false},
		{"first", always(new(amqpwire.ReceiverFirst)), true},
		{"none", always(nil), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hub := &fakeHub{t: t, attach: tt.attach, messages: []amqpwire.Message{
					{Data: [][]byte{[]byte(`[{"originalMessageId":"m","statusCode":"Success"}]`)}},
				}}
				defer hub.served.Wait()
				log := newLogbook()
				options := iothub.Options{Logger: slog.New(log), NoReconnect: true}
				d := hub.device("dev1", options)
				m, err := d.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if err := m.Complete(t.Context()); err != nil {
					t.Errorf("Complete = %v", err)
				}
				s := hub.service(options)
				f, err := s.ReceiveFeedback(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				batch, err := f.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if err := batch.Complete(t.Context()); err != nil {
					t.Errorf("Complete = %v", err)
				}
				synctest.Wait()
				settled := hub.settlements()
				for _, disposition := range settled {
					if disposition.Settled != tt.first {
						t.Errorf("settled at once: %t, want %t", disposition.Settled, tt.first)
					}
				}
				told := log.counted("the hub confirms no settlement: lost locks will not be told")
				if want := map[bool]int{true: 2}[tt.first]; told != want || len(settled) != 2 {
					t.Errorf("told %d times of %d settlements that locks are not told, want %d of 2", told, len(settled), want)
				}
				if err := d.Close(t.Context()); err != nil {
					t.Errorf("Close = %v", err)
				}
				if err := s.Close(t.Context()); err != nil {
					t.Errorf("Close = %v", err)
				}
			})
		})
	}
}
