package mqttfront

import (
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// TestMisuse checks what ends a connection, and that it hurts no other.
func TestMisuse(t *testing.T) {
	t.Parallel()
	publish := func(topic string) string {
		return string(rawclient.Encode(t, &mqttwire.Publish{Topic: topic}))
	}
	for _, test := range []struct{ name, wire, want string }{
		{"second CONNECT", string(rawclient.Encode(t, hello("dev1"))), "*mqttwire.Connect, which it must not"},
		{"CONNACK", "\x20\x02\x00\x00", "*mqttwire.ConnAck, which it must not"},
		{"SUBACK", "\x90\x03\x00\x01\x00", "*mqttwire.SubAck, which it must not"},
		{"PINGRESP", "\xd0\x00", "*mqttwire.PingResp, which it must not"},
		{"QoS 2", "\x34\x21\x00\x1ddevices/dev1/messages/events/\x00\x01", "QoS 2"},
		{"PUBREL", "\x62\x02\x00\x01", "packets of type 6"},
		{"packet id 0", "\x32\x21\x00\x1ddevices/dev1/messages/events/\x00\x00", "packet id 0"},
		{"wildcard", "\x30\x03\x00\x01#", "wildcard"},
		{"another device's telemetry", publish("devices/dev2/messages/events/"), "not its own"},
		{"longer id", publish("devices/dev10/messages/events/"), "not its own"},
		{"longer topic", publish("devices/dev1/messages/eventsfoo"), "not its own"},
		{"messages to itself", publish("devices/dev1/messages/devicebound/"), "not its own"},
		{"twin without request id", publish("$iothub/twin/GET/"), "not its own"},
		{"twin with more", publish("$iothub/twin/GET/x?$rid=1"), "not its own"},
		{"desired properties", publish("$iothub/twin/PATCH/properties/desired/?$rid=1"), "not its own"},
		{"any topic", publish(strings.Repeat("long", 500)), "longlong…"},
		{"oversize", "\x30\x81\x80\x10", "too long"},
		{"endless length", "\x30\xff\xff\xff\xff", "more than four bytes"},
		{"HTTP", "GET / HTTP/1.1\r\n", "malformed"},
		{"type 15", "\xf0\x00", "type 15"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				other := w.connect()
				w.wantIn(other, hello("dev2"), false)
				c := w.device(false)
				c.Write([]byte(test.wire))
				c.WantEnd()
				w.wantEnded(test.want)
				other.WantAlive()
				w.device(true) // the session is whole
				if n := w.front.Telemetry(); n != 0 {
					t.Errorf("%d messages of telemetry, want none", n)
				}
			})
		})
	}
}

// TestBadFirstPacket checks what is no CONNECT: there is no answer.
func TestBadFirstPacket(t *testing.T) {
	t.Parallel()
	for name, wire := range map[string]string{
		"PINGREQ":       "\xc0\x00",
		"reserved flag": "\x10\x0d\x00\x04MQTT\x04\x03\x00\x00\x00\x01d",
		"too long":      "\x10\x81\x80\x01",
		"nothing":       "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				c := w.connect()
				c.Write([]byte(wire))
				c.WantEnd()
			})
		})
	}
}
