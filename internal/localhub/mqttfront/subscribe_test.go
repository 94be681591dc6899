package mqttfront

import (
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// TestFilters subscribes to each filter, with every QoS.
func TestFilters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id, filter string
		granted    bool
	}{
		{"dev1", messages, true},
		{"dev1", "$iothub/twin/res/#", true},
		{"dev1", "$iothub/twin/PATCH/properties/desired/#", true},
		{"dev1", "$iothub/methods/POST/#", true},
		{"a.b:c", "devices/a.b:c/messages/devicebound/#", true},
		{"dev1/mod1", "devices/dev1/modules/mod1/#", true},
		{"dev1/mod1", "devices/dev1/modules/mod1/messages/devicebound/#", true},
		{"dev1/mod1", "devices/dev1/modules/mod1/inputs/#", true},
		{"dev1/mod1", "$iothub/twin/res/#", true},

		{"dev1", "devices/dev2/messages/devicebound/#", false},
		{"dev1", "devices/dev1/messages/devicebound", false},
		{"dev1", "devices/dev1/messages/devicebound/+", false},
		{"dev1", "Devices/dev1/messages/deviceBound/#", false},
		{"dev1", "devices/dev1/messages/events/#", false},
		{"dev1", "devices/dev1/#", false},
		{"dev1", "devices/+/messages/devicebound/#", false},
		{"dev1", "devices/dev1/modules/mod1/#", false},
		{"dev1", "devices/dev1/inputs/#", false},
		{"dev1", "#", false},
		{"dev1", "$iothub/#", false},
		{"dev1", "$SYS/#", false},
		{"dev1", "a#b/+c", false},
		{"dev1/mod1", messages, false},
		{"dev1/mod1", "devices/dev1/modules/mod2/#", false},
	} {
		t.Run(test.id+" "+strings.ReplaceAll(test.filter, "/", "."), func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				c := w.connect()
				w.wantIn(c, hello(test.id), false)
				for qos, want := range []mqttwire.QoS{0, 1, 1} {
					if !test.granted {
						want = mqttwire.Refused
					}
					if got := c.Subscribe(mqttwire.QoS(qos), test.filter); got[0] != want {
						t.Errorf("QoS %d: granted %#x, want %#x", qos, got[0], want)
					}
				}
				if got := w.events(broker.EventAttached, test.filter); (got == 3) != test.granted {
					t.Errorf("told %d times", got)
				}
				if !test.granted {
					w.wantLog("subscription refused")
				}
			})
		})
	}
}

// TestManyFiltersAtOnce checks that each filter has an answer of its own.
func TestManyFiltersAtOnce(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		w.enqueue("m1")
		c := w.device(false)
		got := c.Subscribe(mqttwire.AtLeastOnce, "x", messages, strings.Repeat("y", 10_000), "$iothub/twin/res/#", "#")
		want := []mqttwire.QoS{mqttwire.Refused, 1, mqttwire.Refused, 1, mqttwire.Refused}
		if !slices.Equal(got, want) {
			t.Errorf("granted %v, want %v", got, want)
		}
		wantMessage(c, "m1", false)
	})
}

// TestNothingBeforeSubscribe checks that messages wait for the SUBACK, and for the
// next one after an UNSUBSCRIBE.
func TestNothingBeforeSubscribe(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		w.enqueue("m1", "m2")
		c := w.device(false)
		c.Subscribe(mqttwire.AtLeastOnce, "$iothub/twin/res/#")
		c.WantNothing()
		c.Subscribe(mqttwire.AtLeastOnce, messages)
		first, second := wantMessage(c, "m1", false), wantMessage(c, "m2", false)
		if first.ID == second.ID {
			t.Errorf("both have packet id %d", first.ID)
		}
		c.Send(&mqttwire.Unsubscribe{ID: 7, Topics: []string{messages, "x"}})
		if got := rawclient.Want[*mqttwire.UnsubAck](c); got.ID != 7 {
			t.Errorf("UNSUBACK of %d, want 7", got.ID)
		}
		w.enqueue("m3")
		c.WantNothing()
		c.Acknowledge(first) // which was sent before
		c.Subscribe(mqttwire.AtLeastOnce, messages)
		c.Acknowledge(wantMessage(c, "m3", false))
		c.Acknowledge(second)
		c.WantNothing()
		w.wantFeedback("m1 Success", "m3 Success", "m2 Success")
	})
}

// TestQoSOfTheLastSubscribe checks that a new QoS counts at once.
func TestQoSOfTheLastSubscribe(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtMostOnce)
		w.enqueue("m1")
		if p := rawclient.Want[*mqttwire.Publish](c); p.QoS != 0 || p.ID != 0 || p.Dup {
			t.Errorf("got %+v, want QoS 0", p)
		}
		c.Subscribe(mqttwire.AtLeastOnce, messages)
		w.enqueue("m2")
		c.Acknowledge(wantMessage(c, "m2", false))
		c.Subscribe(mqttwire.ExactlyOnce, messages)
		w.enqueue("m3")
		c.Acknowledge(wantMessage(c, "m3", false))
		c.WantNothing()
		w.wantFeedback("m1 Success", "m2 Success", "m3 Success")
	})
}

// TestModuleFilters checks that a module gets each message once, at the higher
// QoS, under its own topic.
func TestModuleFilters(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.connect()
		w.wantIn(c, hello("dev1/mod1"), false)
		c.Subscribe(mqttwire.AtMostOnce, "devices/dev1/modules/mod1/#")
		c.Subscribe(mqttwire.AtLeastOnce, "devices/dev1/modules/mod1/messages/devicebound/#")
		w.enqueue("m1") // the device's
		w.put(broker.ID{Device: "dev1", Module: "mod1"}, &broker.Message{ID: "m2", To: "/devices/dev1/modules/mod1/messages/devicebound"})
		p := rawclient.Want[*mqttwire.Publish](c)
		const topic = "devices/dev1/modules/mod1/messages/devicebound/%24.mid=m2&%24.to=%2Fdevices%2Fdev1%2Fmodules%2Fmod1%2Fmessages%2Fdevicebound"
		if p.Topic != topic || p.QoS != 1 {
			t.Errorf("got %+v, want topic %s with QoS 1", p, topic)
		}
		c.WantNothing()
	})
}
