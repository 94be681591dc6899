package address_test

import (
	"testing"

	"iothub-c2d/internal/localhub/address"
	"iothub-c2d/internal/localhub/broker"
)

func TestRecipients(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		to   string
		want broker.ID
	}{
		{"/devices/dev1/messages/devicebound", broker.ID{Device: "dev1"}},
		{"/devices/dev1/messages/deviceBound", broker.ID{Device: "dev1"}},
		{"devices/dev1/messages/devicebound", broker.ID{Device: "dev1"}},
		{"amqps://h/devices/dev1/messages/devicebound", broker.ID{Device: "dev1"}},
		{"/devices/d%23v/messages/devicebound", broker.ID{Device: "d#v"}},
		{"/devices/d#v/messages/devicebound", broker.ID{Device: "d#v"}},
		{"/devices/dev1/modules/mod1/messages/deviceBound", broker.ID{Device: "dev1", Module: "mod1"}},
		{"", broker.ID{}},
		{"dev1", broker.ID{}},
		{"/devices/dev1", broker.ID{}},
		{"/devices/dev1/messages/events", broker.ID{}},
		{"/devices//messages/devicebound", broker.ID{}},
		{"/devices/dev1/modules//messages/devicebound", broker.ID{}},
		{"/messages/devicebound", broker.ID{}},
	} {
		got, ok := address.Recipient(test.to)
		if ok != (test.want != broker.ID{}) || ok && got != test.want {
			t.Errorf("%q: %+v, %v, want %+v", test.to, got, ok, test.want)
		}
	}
}
