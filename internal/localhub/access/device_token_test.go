package access

import (
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/sas"
)

// TestDeviceTokenPaths checks what a device's own token is good for, whatever of
// the hub, the device or what lies below it names.
func TestDeviceTokenPaths(t *testing.T) {
	t.Parallel()
	c := controlOf(t, registry.Device{ID: "MyDev", Key: defaults.Key()}, registry.Device{ID: "other", Key: defaults.Key()})
	const whole, receive, send, inner = "whole device ", "receive ", "send ", "module"
	needs := map[string]Need{
		whole:   {Permission: DeviceConnect, Of: broker.ID{Device: "MyDev"}},
		receive: {Permission: DeviceConnect, Of: broker.ID{Device: "MyDev"}, Endpoint: "/messages/devicebound"},
		send:    {Permission: DeviceConnect, Of: broker.ID{Device: "MyDev"}, Endpoint: "/messages/events"},
		inner:   {Permission: DeviceConnect, Of: broker.ID{Device: "MyDev", Module: "Mod"}, Endpoint: "/messages/devicebound"},
	}
	never := []Need{
		{Permission: DeviceConnect, Of: broker.ID{Device: "other"}, Endpoint: "/messages/devicebound"},
		{Permission: DeviceConnect, Of: broker.ID{Device: "mydev"}, Endpoint: "/messages/devicebound"}, // another device
		{Permission: ServiceConnect, Endpoint: "/messages/devicebound"},
		{Permission: ServiceConnect, Of: broker.ID{Device: "MyDev"}, Endpoint: "/commands"},
	}
	mine, module := broker.ID{Device: "MyDev"}, broker.ID{Device: "MyDev", Module: "Mod"}
	for _, test := range []struct {
		path    string // below the host
		claimed broker.ID
		want    string
	}{
		{"/devices/MyDev", broker.ID{}, whole + receive + send + inner},
		{"/devices/mydev", broker.ID{}, whole + receive + send + inner},
		{"/DEVICES/MYDEV/", mine, whole + receive + send + inner},
		{"/devices/MyDev", broker.ID{Device: "other"}, whole + receive + send + inner}, // the token has the last word
		{"/devices/MyDev/messages/devicebound", broker.ID{}, receive},
		{"/devices/mydev/messages/deviceBound", mine, receive},
		{"/devices/MyDev/messages/events", broker.ID{}, send},
		{"/devices/MyDev/messages", broker.ID{}, receive + send},
		{"/devices/MyDev/modules", broker.ID{}, inner},
		{"/devices/MyDev/modules/mod", broker.ID{}, inner},
		{"/devices/MyDev/modules/Mod/messages/devicebound", broker.ID{}, inner},
		{"/devices/MyDev/modules/Mod/messages/events", broker.ID{}, ""},
		{"/devices/MyDev/modules/Mod/api-version=2020-09-30", broker.ID{}, inner},
		{"/devices/MyDev/api-version=2016-11-14", broker.ID{}, whole + receive + send + inner},
		{"/devices/MyDev/?api-version=2016-11-14", broker.ID{}, whole + receive + send + inner},
		{"/devices/MyDev/twin", broker.ID{}, ""},
		{"", mine, whole + receive + send + inner},
		{"/", broker.ID{Device: "MYDEV"}, whole + receive + send + inner},
		{"/devices", mine, whole + receive + send + inner},
		{"", module, inner},
	} {
		for _, text := range []string{handmade(testHost+test.path, ""), handmade(sas.Escape(testHost+test.path), "")} {
			g, refused := c.Verify(text, test.claimed)
			if refused != nil {
				t.Errorf("%s of %v: %v", test.path, test.claimed, refused)
				continue
			}
			for name, need := range needs {
				if got, want := !g.Until(need).IsZero(), strings.Contains(test.want, name); got != want {
					t.Errorf("%s of %v permits %s: %v, want %v", test.path, test.claimed, name, got, want)
				}
			}
			for _, need := range never {
				if !g.Until(need).IsZero() {
					t.Errorf("%s of %v permits %+v", test.path, test.claimed, need)
				}
			}
		}
	}
}

func TestDeviceTokenRefusals(t *testing.T) {
	t.Parallel()
	c := controlOf(t, registry.Device{ID: "mine", Key: defaults.Key()}, registry.Device{ID: "keyless"}, registry.Device{ID: "foreign", Key: sas.NewKey([]byte("foreign"))})
	for _, test := range []struct {
		path    string
		claimed broker.ID
		code    broker.Code
	}{
		{"", broker.ID{}, broker.Unauthorized},
		{"/devices", broker.ID{}, broker.Unauthorized},
		{"/messages/devicebound", broker.ID{Device: "mine"}, broker.Unauthorized},
		{"", broker.ID{Device: "nobody"}, broker.DeviceNotFound},
		{"/devices/nobody", broker.ID{Device: "mine"}, broker.DeviceNotFound},
		{"/devices/foreign", broker.ID{Device: "mine"}, broker.Unauthorized},
		{"", broker.ID{Device: "foreign"}, broker.Unauthorized},
		{"/devices/keyless", broker.ID{}, broker.Unauthorized},
		{"/devices/mine/modules", broker.ID{Device: "nobody"}, 0},
	} {
		_, refused := c.Verify(handmade(testHost+test.path, ""), test.claimed)
		if refused == nil && test.code != 0 || refused != nil && refused.Code != test.code {
			t.Errorf("%q of %v: %v, want %d", test.path, test.claimed, refused, test.code)
		}
	}
}

// TestIDsThatDifferInCase checks that each of two devices can log in with a token
// in small letters, and does so as itself: by its key, or by its claim if that does
// not tell.
func TestIDsThatDifferInCase(t *testing.T) {
	t.Parallel()
	key := sas.NewKey([]byte("another"))
	const resource = testHost + "/devices/dev"
	permitted := func(c *Control, text string, claimed broker.ID) (ids string) {
		g, refused := c.Verify(text, claimed)
		if refused != nil {
			t.Fatal(refused)
		}
		for _, id := range []string{"dev", "Dev", "DEV"} {
			if !g.Until(Need{Permission: DeviceConnect, Of: broker.ID{Device: id}}).IsZero() {
				ids += id
			}
		}
		return ids
	}
	ownKeys := controlOf(t, registry.Device{ID: "dev", Key: defaults.Key()}, registry.Device{ID: "Dev", Key: key})
	if got := permitted(ownKeys, handmade(resource, ""), broker.ID{}); got != "dev" {
		t.Errorf("with the key of dev: permits %s", got)
	}
	if got := permitted(ownKeys, signedBy(key, resource), broker.ID{}); got != "Dev" {
		t.Errorf("with the key of Dev: permits %s", got)
	}
	if got := permitted(ownKeys, signedBy(key, resource), broker.ID{Device: "dev"}); got != "Dev" {
		t.Errorf("with the key of Dev, claimed by dev: permits %s", got)
	}
	oneKey := controlOf(t, registry.Device{ID: "Dev", Key: key}, registry.Device{ID: "dev", Key: key}, registry.Device{ID: "DEV", Key: key})
	for _, claimed := range []string{"dev", "Dev", "DEV"} {
		if got := permitted(oneKey, signedBy(key, resource), broker.ID{Device: claimed}); got != claimed {
			t.Errorf("with a key of all, claimed by %s: permits %s", claimed, got)
		}
	}
	if got := permitted(oneKey, signedBy(key, resource), broker.ID{}); got != "dev" {
		t.Errorf("with a key of all: permits %s, want the one as written", got)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	c := controlOf(t, registry.Device{ID: "Dev", Key: defaults.Key()}, registry.Device{ID: "a@sas.b", Key: defaults.Key()})
	hub, device := testHost, testHost+"/devices/dev"
	for _, test := range []struct {
		user, resource, policy string
		in                     bool
	}{
		{"service@sas.root.myhub", hub, "service", true},
		{"service@sas.root.other", hub, "service", true},
		{"service@sas.root.myhub", hub, "device", false},
		{"@sas.root.myhub", hub, "service", false},
		{"service@sas.root.myhub", device, "", false},
		{"service", hub, "service", false},
		{"", hub, "service", false},
		{"Dev@sas.myhub", device, "", true},
		{"Dev@sas.myhub", device + "/messages/devicebound", "", true},
		{"Dev@sas.myhub", hub, "", true},
		{"dev@sas.myhub", hub, "", false}, // there is no such device
		{"Dev@sas.myhub", device + "/modules/m", "", false},
		{"other@sas.myhub", device, "", false},
		{"a@sas.b@sas.myhub", hub, "", true},
		{"a@sas.b@sas.myhub", hub + "/devices/a@sas.b", "", true},
		{"@sas.myhub", hub, "", false},
		{"Dev@sas.myhub", hub, "device", false},
	} {
		if _, refused := c.Login(test.user, handmade(test.resource, test.policy)); (refused == nil) != test.in {
			t.Errorf("%q with %s %s: %v, want in = %v", test.user, test.resource, test.policy, refused, test.in)
		}
	}
}

// TestRenewalOfTokensForTheHub checks that the token of one device does not take
// the place of another's that names the hub as well.
func TestRenewalOfTokensForTheHub(t *testing.T) {
	t.Parallel()
	c := controlOf(t, registry.Device{ID: "one", Key: defaults.Key()}, registry.Device{ID: "two", Key: defaults.Key()})
	var grants Grants
	for _, id := range []string{"one", "two", "one"} {
		g, refused := c.Verify(handmade(testHost, ""), broker.ID{Device: id})
		if refused == nil {
			refused = grants.Add(g)
		}
		if refused != nil {
			t.Fatal(refused)
		}
	}
	for _, id := range []string{"one", "two"} {
		if grants.Until(Need{Permission: DeviceConnect, Of: broker.ID{Device: id}}).IsZero() {
			t.Errorf("%s is not permitted", id)
		}
	}
	if len(grants) != 2 {
		t.Errorf("%d grants, want 2", len(grants))
	}
}
