package mqttfront

import (
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// TestTelemetry checks what counts, and that QoS 1 is acknowledged.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ id, topic string }{
		{"dev1", "devices/dev1/messages/events/"},
		{"dev1", "devices/dev1/messages/events"},
		{"dev1", "devices/dev1/messages/events/%24.mid=1&a=b"},
		{"a.b:c", "devices/a.b:c/messages/events/"},
		{"dev1/mod1", "devices/dev1/modules/mod1/messages/events/%24.on=out"},
	} {
		t.Run(strings.ReplaceAll(test.topic, "/", "."), func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				c := w.connect()
				w.wantIn(c, hello(test.id), false)
				body := []byte(strings.Repeat("x", 250_000))
				c.Send(&mqttwire.Publish{Topic: test.topic, Payload: body})
				c.Send(&mqttwire.Publish{Topic: test.topic, Payload: body, QoS: 1, ID: 77, Dup: true, Retain: true})
				if got := rawclient.Want[*mqttwire.PubAck](c); got.ID != 77 {
					t.Errorf("PUBACK of %d, want 77", got.ID)
				}
				c.WantNothing()
				if got := w.front.Telemetry(); got != 2 {
					t.Errorf("%d messages, want 2", got)
				}
				w.wantLog("telemetry")
			})
		})
	}
}

// TestTwin checks the answers to requests about the twin, and that nothing comes to
// who has not subscribed.
func TestTwin(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.device(false)
		const get, patch = "$iothub/twin/GET/?$rid=", "$iothub/twin/PATCH/properties/reported/?$rid="
		c.Send(&mqttwire.Publish{Topic: get + "0"})
		c.WantNothing()
		c.Subscribe(mqttwire.AtLeastOnce, "$iothub/twin/res/#")
		for _, test := range []struct{ request, topic, body string }{
			{get + "1", "$iothub/twin/res/200/?$rid=1", `{"desired":{"$version":1},"reported":{"$version":1}}`},
			{patch + "a%20b&x=y", "$iothub/twin/res/204/?$rid=a%20b&$version=2", ""},
			{patch + "", "$iothub/twin/res/204/?$rid=&$version=3", ""},
			{get + "4", "$iothub/twin/res/200/?$rid=4", `{"desired":{"$version":1},"reported":{"$version":3}}`},
		} {
			c.Send(&mqttwire.Publish{Topic: test.request, QoS: 1, ID: 5, Payload: []byte("{}")})
			rawclient.Want[*mqttwire.PubAck](c)
			p := rawclient.Want[*mqttwire.Publish](c)
			if p.Topic != test.topic || string(p.Payload) != test.body || p.QoS != 0 {
				t.Errorf("%s: got %+v, want %s with %s", test.request, p, test.topic, test.body)
			}
		}
	})
}

// TestMethodResponse checks that a response which nobody waits for does no harm.
func TestMethodResponse(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.device(false)
		c.Send(&mqttwire.Publish{Topic: "$iothub/methods/res/200/?$rid=1", Payload: []byte("{}")})
		c.Send(&mqttwire.Publish{Topic: "$iothub/methods/res/200/?$rid=1", QoS: 1, ID: 3})
		rawclient.Want[*mqttwire.PubAck](c)
		c.WantNothing()
	})
}
