package mqttfront

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// TestMessageOnTheWire checks every byte of a message.
func TestMessageOnTheWire(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		body := []byte{0, 1, 0xff, '\n'}
		w.put(dev1, &broker.Message{
			ID: "m1", To: "/devices/dev1/messages/devicebound", Ack: broker.AckFull, Body: body,
			Properties: []broker.Property{{Name: "a", Value: "b"}},
		})
		p := rawclient.Want[*mqttwire.Publish](c)
		want := fmt.Sprintf("%+v", &mqttwire.Publish{
			QoS: 1, ID: p.ID, Payload: body,
			Topic: "devices/dev1/messages/devicebound/%24.mid=m1&%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound&iothub-ack=full&a=b",
		})
		if got := fmt.Sprintf("%+v", p); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		c.Acknowledge(p)
		synctest.Wait()
		w.wantFeedback("m1 Success")
	})
}

// TestQoS0 checks that a message is complete once it is sent, whoever reads it.
func TestQoS0(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtMostOnce)
		var want []string
		for i := range 120 { // more than with QoS 1 could be in flight
			w.enqueue(fmt.Sprint("m", i))
			want = append(want, fmt.Sprintf("m%d Success", i))
			p := rawclient.Want[*mqttwire.Publish](c)
			if p.QoS != 0 || rawclient.MessageID(p) != fmt.Sprint("m", i) {
				t.Fatalf("got %+v, want m%d with QoS 0", p, i)
			}
		}
		c.WantNothing()
		w.wantFeedback(want...)
	})
}

// TestQoS0QueueIsDrained checks messages that waited, more than are sent in one go.
func TestQoS0QueueIsDrained(t *testing.T) {
	inWorld(t, settings{broker: broker.Options{MaxQueue: 500}}, func(t *testing.T, w *world) {
		for i := range 230 {
			w.enqueue(fmt.Sprint("m", i))
		}
		c := w.subscribed(mqttwire.AtMostOnce)
		for i := range 230 {
			if p := rawclient.Want[*mqttwire.Publish](c); rawclient.MessageID(p) != fmt.Sprint("m", i) {
				t.Fatalf("got %+v, want m%d", p, i)
			}
		}
	})
}

// TestInFlight checks that 50 messages are in flight at most, with an id each.
func TestInFlight(t *testing.T) {
	inWorld(t, settings{broker: broker.Options{MaxQueue: 100}}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		var sent []*mqttwire.Publish
		for i := range 60 {
			w.enqueue(fmt.Sprint("m", i))
		}
		for i := range 50 {
			sent = append(sent, wantMessage(c, fmt.Sprint("m", i), false))
		}
		c.WantNothing()
		for i, j := range []int{49, 0, 7} { // in any order
			c.Acknowledge(sent[j])
			sent[j] = wantMessage(c, fmt.Sprint("m", 50+i), false)
			c.WantNothing()
		}
		ids := make(map[uint16]bool)
		for _, p := range sent {
			ids[p.ID] = true
		}
		if len(ids) != 50 || ids[0] {
			t.Errorf("%d ids, want 50 and none of them 0", len(ids))
		}
	})
}

// TestOddAcknowledgements checks acknowledgements of what is not in flight.
func TestOddAcknowledgements(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		w.enqueue("m1")
		p := wantMessage(c, "m1", false)
		c.Send(&mqttwire.PubAck{ID: p.ID + 1})
		c.Acknowledge(p)
		c.Acknowledge(p)
		c.WantAlive()
		w.wantFeedback("m1 Success")
	})
}

// TestPacketIDsWrap checks the way round, past ids that are in use and past 0.
func TestPacketIDsWrap(t *testing.T) {
	t.Parallel()
	s := &session{sent: map[uint16]*sent{65535: {sequence: 1}, 1: {sequence: 2}}, lastID: 65533}
	var got []uint16
	for n := range 3 {
		id, again := s.hold(broker.Delivery{Entry: broker.Entry{Sequence: uint64(10 + n)}})
		if again {
			t.Errorf("packet id %d is said to be sent again", id)
		}
		got = append(got, id)
	}
	if want := []uint16{65534, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("ids %v, want %v", got, want)
	}
}

// TestMessageThatMQTTCannotCarry checks that one with too many properties for a
// topic is not in the way of others.
func TestMessageThatMQTTCannotCarry(t *testing.T) {
	for _, qos := range []mqttwire.QoS{mqttwire.AtMostOnce, mqttwire.AtLeastOnce} {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				c := w.subscribed(qos)
				long := broker.Property{Name: "long", Value: strings.Repeat("/", 22_000)} // each takes three bytes
				w.put(dev1, &broker.Message{ID: "m1", To: "t", Ack: broker.AckFull, Properties: []broker.Property{long}})
				w.enqueue("m2")
				p := rawclient.Want[*mqttwire.Publish](c)
				if rawclient.MessageID(p) != "m2" {
					t.Fatalf("got %+v, want m2", p)
				}
				if qos > 0 {
					c.Acknowledge(p)
				}
				c.WantAlive()
				w.wantFeedback("m1 Rejected", "m2 Success")
				w.wantLog("MQTT cannot carry it")
			})
		})
	}
}
