package localhub

import (
	"slices"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// TestEveryRefusalIsAnEvent checks that the observer hears of each message that
// is refused, as far as it could be read.
func TestEveryRefusalIsAnEvent(t *testing.T) {
	var mu sync.Mutex
	var told []Event
	observer := func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == broker.EventRefused || e.Kind == broker.EventEnqueued {
			told = append(told, e)
		}
	}
	inWorld(t, Options{MaxQueue: 1, Observer: observer}, func(t *testing.T, w *world) {
		c := w.service()
		c.Sender(0, serviceAddress)
		send := func(id string, change func(m *amqpwire.Message)) {
			m := c2d(id)
			change(m)
			_ = c.sendC2D(m)
		}
		send("good", func(*amqpwire.Message) {})
		send("full", func(*amqpwire.Message) {})
		send("nobody", func(m *amqpwire.Message) { m.Properties.To = "/devices/no/messages/devicebound" })
		send("nowhere", func(m *amqpwire.Message) { m.Properties.To = "" })
		send("late", func(m *amqpwire.Message) {
			m.Properties.AbsoluteExpiryTime = new(amqpwire.NewTimestamp(time.Now().Add(-time.Hour)))
		})
		c.sendBytes([]byte{0xff})
		want[*amqpwire.Disposition](c)
		wanted := []Event{
			{Kind: broker.EventEnqueued, Device: "dev1", MessageID: "good", Sequence: 1},
			{Kind: broker.EventRefused, Device: "dev1", MessageID: "full", Detail: string(amqpserver.CondLimitExceeded)},
			{Kind: broker.EventRefused, Device: "no", MessageID: "nobody", Detail: string(amqpserver.CondNotFound)},
			{Kind: broker.EventRefused, MessageID: "nowhere", Detail: string(amqpserver.CondNotAllowed)},
			{Kind: broker.EventRefused, Device: "dev1", MessageID: "late", Detail: string(amqpserver.CondNotAllowed)},
			{Kind: broker.EventRefused, Detail: string(amqpserver.CondDecodeError)},
		}
		if !slices.Equal(told, wanted) {
			t.Errorf("told of %+v\nwant    %+v", told, wanted)
		}
	})
}
