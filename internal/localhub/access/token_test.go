package access

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/sas"
)

const testHost = "myhub.azure-devices.net"

// handmade is a token with the resource spelled as given.
func handmade(sr, policy string) string {
	text := signedBy(defaults.Key(), sr)
	if policy != "" {
		text += "&skn=" + policy
	}
	return text
}

func signedBy(key sas.Key, sr string) string {
	se := fmt.Sprint(time.Now().Add(time.Hour).Unix())
	return "SharedAccessSignature sr=" + sr + "&sig=" + url.QueryEscape(base64.StdEncoding.EncodeToString(key.Sign(sr+"\n"+se))) + "&se=" + se
}

// spellings are how the SDKs write the resource of a device.
var spellings = map[string]func(id string) string{
	"Node": func(id string) string { return url.QueryEscape(testHost + "/devices/" + id) },
	"C#":   func(id string) string { return url.QueryEscape(testHost + "/devices/" + url.QueryEscape(id)) },
	"C":    func(id string) string { return testHost + "/devices/" + id },
	"Java": func(id string) string { return testHost + "/devices/" + url.QueryEscape(id) },
}

// TestOddIDsInTokens checks that each SDK's token is good for its device, and
// for it alone, with the device's own key or a policy's.
func TestOddIDsInTokens(t *testing.T) {
	t.Parallel()
	odd := []string{"dev1", "a:b", "a@b", "a=b", "a#b", "a%b", "100%", "a+b", "x.localhost"}
	var devices []registry.Device
	for _, id := range odd {
		devices = append(devices, registry.Device{ID: id, Key: defaults.Key()})
	}
	c := controlOf(t, devices...)
	for _, id := range odd {
		for sdk, spell := range spellings {
			for _, policy := range []string{"", "device"} {
				text := handmade(spell(id), policy)
				g, refused := c.Verify(text, broker.ID{})
				if refused != nil {
					t.Errorf("%s: refused: %s", text, refused.Message)
					continue
				}
				for _, other := range append(odd, "dev10") {
					need := Need{Permission: DeviceConnect, Of: broker.ID{Device: other}}
					if got := !(Grants{g}).Until(need).IsZero(); got != (other == id) {
						t.Errorf("%s of %s with %q: permits %s: %v", sdk, id, policy, other, got)
					}
				}
				if (Grants{g}).Until(Need{Permission: DeviceConnect, Of: broker.ID{Device: id, Module: "m"}}).IsZero() {
					t.Errorf("%s of %s: does not permit a module", sdk, id)
				}
			}
		}
	}
}

// TestEscapedIDs checks ids that look escaped themselves: the first reading that
// is a registered device counts.
func TestEscapedIDs(t *testing.T) {
	t.Parallel()
	c := controlOf(t, registry.Device{ID: "a%41", Key: defaults.Key()}, registry.Device{ID: "b:", Key: defaults.Key()})
	for _, test := range []struct{ sr, device string }{
		{testHost + "/devices/a%41", "a%41"},
		{testHost + "/devices/a%2541", "a%41"},
		{url.QueryEscape(testHost + "/devices/a%41"), "a%41"},
		{url.QueryEscape(testHost + "/devices/a%2541"), "a%41"},
		{testHost + "/devices/b%3A", "b:"},
		{url.QueryEscape(testHost + "/devices/b%3A"), "b:"},
		{testHost + "/devices/aA", ""},
		{url.QueryEscape(testHost + "/devices/b%253A"), ""},
		{testHost + "/devices", ""},
		{testHost, ""},
	} {
		g, refused := c.Verify(handmade(test.sr, ""), broker.ID{})
		if got := refused == nil; got != (test.device != "") {
			t.Errorf("%s: refused %v", test.sr, refused)
			continue
		}
		if refused == nil && (Grants{g}).Until(Need{Permission: DeviceConnect, Of: broker.ID{Device: test.device}}).IsZero() {
			t.Errorf("%s does not permit %s", test.sr, test.device)
		}
	}
}

// TestScopes checks what the token of a policy covers.
func TestScopes(t *testing.T) {
	t.Parallel()
	c := controlOf(t)
	for _, test := range []struct {
		sr, path string
		want     bool
	}{
		{testHost, "", true},
		{testHost + "/", "", true},
		{testHost, "/devices/d", true},
		{"MyHub.Azure-Devices.NET:5671", "/devices/d", true},
		{"localhost%3A15671%2Fdevices", "/devices/d", true},
		{"%5B%3A%3A1%5D%3A5672%2Fdevices%2Fd", "/devices/d", true},
		{testHost + "/devices", "", false},
		{testHost + "/devices/d", "/devices/d/modules/m", true},
		{testHost + "/devices/d/", "/devices/d", true},
		{testHost + "/devices/d/modules/m", "/devices/d", false},
		{testHost + "/devices/d", "/devices/d1", false},
		{testHost + "/devices/d", "/devices/e", false},
		{testHost + "//devices", "/devices/d", false},
		{testHost + "%2Fdevices%2Fd.localhost", "/devices/d", false},
		{testHost + "%2Fdevices%2Fd.localhost", "", false},
	} {
		g, refused := c.Verify(handmade(test.sr, "iothubowner"), broker.ID{})
		if refused != nil {
			t.Errorf("%s: %s", test.sr, refused.Message)
			continue
		}
		if got := !(Grants{g}).Until(Need{Permission: ServiceConnect, Endpoint: test.path}).IsZero(); got != test.want {
			t.Errorf("%s covers %q: %v, want %v", test.sr, test.path, got, test.want)
		}
	}
}

// TestHostNames checks that tokens may name any port of the hub.
func TestHostNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"hub.example", "HUB.example"} {
		c := New(Options{HostNames: []string{name}, Policies: DefaultPolicies()})
		for _, host := range []string{"hub.example", "hub.example:5671", "hub.example:443"} {
			if _, refused := c.Verify(handmade(host, "service"), broker.ID{}); refused != nil {
				t.Errorf("hub %s, token for %s: %s", name, host, refused.Message)
			}
		}
	}
}

// TestTooManyTokens checks the limit, and that renewals do not count.
func TestTooManyTokens(t *testing.T) {
	t.Parallel()
	var g Grants
	c := controlOf(t)
	add := func(resource string) *broker.Refusal {
		grant, refused := c.Verify(handmade(resource, "iothubowner"), broker.ID{})
		if refused != nil {
			t.Fatal(refused)
		}
		return g.Add(grant)
	}
	for i := range maxGrants {
		if refused := add(testHost + "/devices/" + strings.Repeat("d", i%100+1) + strings.Repeat("e", i/100)); refused != nil {
			t.Fatalf("token %d: %v", i, refused)
		}
	}
	if refused := add(testHost + "/devices/d"); refused != nil {
		t.Errorf("renewal: %v", refused)
	}
	if refused := add(testHost + "/devices/new"); refused == nil || refused.Code != broker.TooManyTokens {
		t.Errorf("one too many: %v, want %d", refused, broker.TooManyTokens)
	}
}
