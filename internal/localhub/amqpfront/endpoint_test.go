package amqpfront

import (
	"testing"

	"iothub-c2d/internal/localhub/broker"
)

func TestLinkAddresses(t *testing.T) {
	t.Parallel()
	dev := func(kind endpointKind, device, module string) endpoint {
		return endpoint{kind, broker.ID{Device: device, Module: module}}
	}
	for _, test := range []struct {
		address string
		want    endpoint
	}{
		{"$cbs", endpoint{kind: cbsEndpoint}},
		// The back end's, as the SDKs send them.
		{"/messages/devicebound", endpoint{kind: c2dEndpoint}},
		{"messages/devicebound", endpoint{kind: c2dEndpoint}},
		{"/messages/deviceBound", endpoint{kind: c2dEndpoint}},
		{"amqps://h.example.net:5671/messages/deviceBound", endpoint{kind: c2dEndpoint}},
		{"amqps://h.example.net/messages/devicebound", endpoint{kind: c2dEndpoint}},
		{"AMQPS://H/MESSAGES/DEVICEBOUND", endpoint{kind: c2dEndpoint}},
		{"/messages/serviceBound/feedback", endpoint{kind: feedbackEndpoint}},
		{"/messages/servicebound/feedback", endpoint{kind: feedbackEndpoint}},
		{"amqps://h:5671/messages/serviceBound/feedback", endpoint{kind: feedbackEndpoint}},
		{"amqps://[::1]:5671/messages/servicebound/feedback", endpoint{kind: feedbackEndpoint}},
		{"/messages/serviceBound/filenotifications", endpoint{kind: foreignEndpoint}},
		// Devices'.
		{"/devices/dev1/messages/devicebound", dev(receiveEndpoint, "dev1", "")},
		{"devices/dev1/messages/devicebound", dev(receiveEndpoint, "dev1", "")},
		{"/Devices/dev1/Messages/DeviceBound", dev(receiveEndpoint, "dev1", "")},
		{"/devices/Dev1/messages/devicebound", dev(receiveEndpoint, "Dev1", "")},
		{"amqps://h:5671/devices/dev1/messages/deviceBound", dev(receiveEndpoint, "dev1", "")},
		{"/devices/dev1/messages/events", dev(telemetryEndpoint, "dev1", "")},
		{"amqps://h/devices/dev1/messages/events", dev(telemetryEndpoint, "dev1", "")},
		{"/devices/dev1/modules/mod1/messages/devicebound", dev(receiveEndpoint, "dev1", "mod1")},
		{"/devices/dev1/Modules/mod1/messages/events", dev(telemetryEndpoint, "dev1", "mod1")},
		// Odd ids: encoded or not.
		{"/devices/a%2Eb/messages/devicebound", dev(receiveEndpoint, "a.b", "")},
		{"/devices/a+b/messages/devicebound", dev(receiveEndpoint, "a+b", "")},
		{"/devices/a%2Bb/messages/devicebound", dev(receiveEndpoint, "a+b", "")},
		{"/devices/a%2bb/messages/devicebound", dev(receiveEndpoint, "a+b", "")},
		{"/devices/100%/messages/devicebound", dev(receiveEndpoint, "100%", "")},
		{"/devices/100%25/messages/devicebound", dev(receiveEndpoint, "100%", "")},
		{"/devices/-:.+%_#*?!(),=@$'/messages/devicebound", dev(receiveEndpoint, "-:.+%_#*?!(),=@$'", "")},
		{"/devices/a;b/messages/devicebound", dev(receiveEndpoint, "a;b", "")},
		{"/devices/modules/messages/devicebound", dev(receiveEndpoint, "modules", "")},
		{"/devices/messages/messages/devicebound", dev(receiveEndpoint, "messages", "")},
		{"/devices/devices/modules/modules/messages/events", dev(telemetryEndpoint, "devices", "modules")},
		{"amqps://h/devices/a:b/messages/devicebound", dev(receiveEndpoint, "a:b", "")},
		// Nothing of the kind.
		{"", endpoint{}},
		{"/", endpoint{}},
		{"$CBS", endpoint{}},
		{"$management", endpoint{}},
		{"/messages", endpoint{}},
		{"/messages/devicebound/", endpoint{}},
		{"//messages/devicebound", endpoint{}},
		{"/messages/events", endpoint{}},
		{"/messages/servicebound", endpoint{}},
		{"amqps://h", endpoint{}},
		{"amqps://h/", endpoint{}},
		{"/devices", endpoint{}},
		{"/devices/", endpoint{}},
		{"/devices//messages/devicebound", endpoint{}},
		{"/devices/dev1", endpoint{}},
		{"/devices/dev1/messages", endpoint{}},
		{"/devices/dev1/messages/devicebound/x", endpoint{}},
		{"/devices/dev1/modules/messages/devicebound", endpoint{}},
		{"/devices/dev1/modules//messages/devicebound", endpoint{}},
	} {
		if got := parseEndpoint(test.address); got != test.want {
			t.Errorf("%q: %+v, want %+v", test.address, got, test.want)
		}
	}
}
