package access

import (
	"net/url"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// TestTokensForAKnownDevice checks what a token may name when the client has said
// who it is.
func TestTokensForAKnownDevice(t *testing.T) {
	t.Parallel()
	c, err := New(Options{HostName: testHost, Policies: DefaultPolicies(), Devices: []Device{
		{ID: "dev1", Key: defaults.Key()}, {ID: "a b", Key: defaults.Key()}, {ID: "other", Key: defaults.Key()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	dev1, module := broker.ID{Device: "dev1"}, broker.ID{Device: "dev1", Module: "m"}
	for _, test := range []struct {
		sr, policy string
		id         broker.ID
		want       string // in the refusal; empty: it permits
	}{
		{testHost + "/devices/dev1", "", dev1, ""},
		{testHost, "", dev1, ""},
		{testHost, "", module, ""},
		{"LOCALHOST:8883", "", dev1, ""},
		{testHost + "/devices", "", dev1, ""},
		{testHost + "/devices/dev1/api-version=2016-11-14", "", dev1, ""},
		{url.QueryEscape(testHost + "/devices/dev1/api-version=2016-11-14"), "", dev1, ""},
		{testHost + "/devices/dev1/messages/devicebound", "", dev1, ""},
		{testHost + "/devices/a%20b", "", broker.ID{Device: "a b"}, ""},
		{testHost + "/devices/dev1/modules/m", "", module, ""},
		{testHost + "/devices/dev1", "", module, ""},
		{testHost + "/devices/dev1/modules/m/x", "", module, ""},
		{testHost + "/devices/dev1/modules/m", "", dev1, "not for \"dev1\""},
		{testHost + "/devices/dev1/modules/n", "", module, "not for \"dev1/m\""},
		{testHost + "/devices/dev1/messages", "", module, "not for"},
		{testHost + "/devices/dev10", "", dev1, "not for"},
		{testHost + "/devices/dev", "", dev1, "not for"},
		{testHost + "/devices/other", "", dev1, "not for"},
		{"elsewhere.example/devices/dev1", "", dev1, "is for host"},
		{testHost, "", broker.ID{Device: "nobody"}, "not registered"},
		{testHost, "device", dev1, ""},
		{testHost + "/devices/dev1", "iothubowner", dev1, ""},
		{testHost + "/devices/dev1/x", "device", dev1, "does not permit"},
		{testHost, "service", dev1, "does not permit"},
		{testHost, "nobody", dev1, "no shared access policy"},
	} {
		g, refused := c.VerifyFor(test.id, handmade(test.sr, test.policy))
		if refused == nil && g.Until(Need{DeviceConnect, test.id.Path()}).IsZero() {
			refused = broker.Refuse(broker.Unauthorized, "does not permit")
		}
		switch {
		case refused == nil && test.want != "":
			t.Errorf("%s with %q permits %s", test.sr, test.policy, test.id)
		case refused != nil && (test.want == "" || !strings.Contains(refused.Message, test.want)):
			t.Errorf("%s with %q for %s: %s, want %q", test.sr, test.policy, test.id, refused.Message, test.want)
		}
	}
}

// TestKnownDeviceOnly checks that the token of a known device is good for that one
// only, whatever it names, and for nothing that back ends do.
func TestKnownDeviceOnly(t *testing.T) {
	t.Parallel()
	c, err := New(Options{HostName: testHost, Devices: []Device{{ID: "dev1", Key: defaults.Key()}, {ID: "dev2", Key: sas.NewKey([]byte("another"))}}})
	if err != nil {
		t.Fatal(err)
	}
	g, refused := c.VerifyFor(broker.ID{Device: "dev1"}, handmade(testHost, ""))
	if refused != nil {
		t.Fatal(refused)
	}
	for _, n := range []Need{{DeviceConnect, "/devices/dev2"}, {DeviceConnect, ""}, {ServiceConnect, "/devices/dev1"}} {
		if !g.Until(n).IsZero() {
			t.Errorf("it permits %+v", n)
		}
	}
	if _, refused := c.VerifyFor(broker.ID{Device: "dev2"}, handmade(testHost, "")); refused == nil {
		t.Error("a token with another device's key is taken")
	}
}
