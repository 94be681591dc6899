package localhub

import (
	"testing"

	"iothub-c2d/internal/amqpwire"
)

func TestLinkAddresses(t *testing.T) {
	t.Parallel()
	dev := func(kind endpointKind, device, module string) endpoint {
		return endpoint{kind, identity{device, module}}
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

func TestRecipients(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		to   string
		want identity
	}{
		{"/devices/dev1/messages/devicebound", identity{"dev1", ""}},
		{"/devices/dev1/messages/deviceBound", identity{"dev1", ""}},
		{"devices/dev1/messages/devicebound", identity{"dev1", ""}},
		{"amqps://h/devices/dev1/messages/devicebound", identity{"dev1", ""}},
		{"/devices/d%23v/messages/devicebound", identity{"d#v", ""}},
		{"/devices/d#v/messages/devicebound", identity{"d#v", ""}},
		{"/devices/dev1/modules/mod1/messages/deviceBound", identity{"dev1", "mod1"}},
		{"", identity{}},
		{"dev1", identity{}},
		{"/devices/dev1", identity{}},
		{"/devices/dev1/messages/events", identity{}},
		{"/devices//messages/devicebound", identity{}},
		{"/devices/dev1/modules//messages/devicebound", identity{}},
		{"/messages/devicebound", identity{}},
	} {
		got, ok := parseRecipient(test.to)
		if ok != (test.want != identity{}) || ok && got != test.want {
			t.Errorf("%q: %+v, %v, want %+v", test.to, got, ok, test.want)
		}
	}
}

// TestAttachRefusals checks the conditions and codes, and that a refused link's
// handle can be used again.
func TestAttachRefusals(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.putToken(token("iothubowner", testHost, 1<<40))
		for _, test := range []struct {
			address   string
			sends     bool
			condition amqpwire.Symbol
			code      int
		}{
			{"/no/such/address", true, condNotFound, 404006},
			{"/no/such/address", false, condNotFound, 404006},
			{"", false, condNotFound, 404006},
			{serviceAddress, false, condNotFound, 404006},
			{feedbackAddress, true, condNotFound, 404006},
			{deviceAddress, true, condNotFound, 404006},
			{eventsAddress, false, condNotFound, 404006},
			{"/devices/nobody/messages/devicebound", false, condNotFound, 404001},
			{"/devices/nobody/messages/events", true, condNotFound, 404001},
			{"/devices/nobody/modules/m/messages/events", true, condNotFound, 404001},
			{"/devices/nobody/twin", false, condNotFound, 404001},
			{"/messages/servicebound/filenotifications", false, condNotImplemented, 501001},
		} {
			a := receiverAttach(9, test.address)
			if test.sends {
				a = senderAttach(9, test.address)
			}
			wantHubError(t, c.wantRefused(a, test.condition), test.code)
		}
		// Without termini there is no address.
		c.wantRefused(&amqpwire.Attach{Name: "x", Handle: 9, Role: amqpwire.RoleSender}, condNotFound)
		c.wantRefused(&amqpwire.Attach{Name: "x", Handle: 9, Role: amqpwire.RoleReceiver}, condNotFound)
		// A handle of a refused link is taken until the client has answered.
		c.send(0, senderAttach(9, "/no"))
		want[*amqpwire.Attach](c)
		want[*amqpwire.Detach](c)
		c.credit(9, 0, 10)
		c.transfer(&amqpwire.Transfer{Handle: 9}, c2d("lost"))
		c.wantNothing()
		c.send(0, &amqpwire.Detach{Handle: 9, Closed: true})
		c.sender(9, serviceAddress)
	})
}
