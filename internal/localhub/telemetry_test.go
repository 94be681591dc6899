package localhub

import (
	"testing"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

func TestTelemetryIsCounted(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.device("dev1")
		if a := c.Sender(0, eventsAddress); *a.MaxMessageSize != 262144 {
			t.Errorf("max-message-size %d, want 262144", *a.MaxMessageSize)
		}
		one := rawclient.Encode(t, &amqpwire.Message{Data: [][]byte{[]byte("hello")}})
		batch := &amqpwire.Message{Data: [][]byte{one, one, one}}
		for _, test := range []struct {
			name   string
			format uint32
			m      *amqpwire.Message
			total  int64
		}{
			{"single", 0, &amqpwire.Message{Data: [][]byte{[]byte("hello")}}, 1},
			{"in two sections", 0, &amqpwire.Message{Data: [][]byte{[]byte("he"), []byte("llo")}}, 2},
			{"batch", 0x80013700, batch, 5},
			{"empty batch", 0x80013700, &amqpwire.Message{}, 5},
		} {
			c.transfer(&amqpwire.Transfer{MessageFormat: &test.format}, test.m)
			d := want[*amqpwire.Disposition](c)
			if _, ok := d.State.(*amqpwire.Accepted); !ok {
				t.Errorf("%s: %+v, want accepted", test.name, d.State)
			}
			if got := w.hub.amqp.Telemetry(); got != test.total {
				t.Errorf("%s: %d messages in all, want %d", test.name, got, test.total)
			}
		}
	})
}
