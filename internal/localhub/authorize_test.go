package localhub

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"iothub-c2d/internal/localhub/defaults"
)

// handmade is a token with the resource spelled as given.
func handmade(sr, policy string) string {
	se := fmt.Sprint(time.Now().Add(time.Hour).Unix())
	text := "SharedAccessSignature sr=" + sr + "&sig=" + escapeBase64(defaults.Key().Sign(sr+"\n"+se)) + "&se=" + se
	if policy != "" {
		text += "&skn=" + policy
	}
	return text
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
	options := Options{HostName: testHost}
	for _, id := range odd {
		options.Devices = append(options.Devices, Device{ID: id, Key: defaults.Key()})
	}
	h, err := New(&options)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, id := range odd {
		for sdk, spell := range spellings {
			for _, policy := range []string{"", "device"} {
				text := handmade(spell(id), policy)
				g, refused := h.verify(text)
				if refused != nil {
					t.Errorf("%s: refused: %s", text, explain(refused))
					continue
				}
				for _, other := range append(odd, "dev10") {
					path := identity{device: other}.path()
					if got := !(grants{g}).until(DeviceConnect, path).IsZero(); got != (other == id) {
						t.Errorf("%s of %s with %q: permits %s: %v", sdk, id, policy, path, got)
					}
				}
				if (grants{g}).until(DeviceConnect, identity{id, "m"}.path()).IsZero() {
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
	h, err := New(&Options{HostName: testHost, Devices: []Device{{ID: "a%41", Key: defaults.Key()}, {ID: "b:", Key: defaults.Key()}}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
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
		g, refused := h.verify(handmade(test.sr, ""))
		if got := refused == nil; got != (test.device != "") {
			t.Errorf("%s: refused %v", test.sr, refused)
			continue
		}
		if refused == nil && (grants{g}).until(DeviceConnect, identity{device: test.device}.path()).IsZero() {
			t.Errorf("%s does not permit %s", test.sr, test.device)
		}
	}
}

// TestScopes checks what the token of a policy covers.
func TestScopes(t *testing.T) {
	t.Parallel()
	h, err := New(&Options{HostName: testHost})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
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
		g, refused := h.verify(handmade(test.sr, "iothubowner"))
		if refused != nil {
			t.Errorf("%s: %s", test.sr, explain(refused))
			continue
		}
		if got := !(grants{g}).until(ServiceConnect, test.path).IsZero(); got != test.want {
			t.Errorf("%s covers %q: %v, want %v", test.sr, test.path, got, test.want)
		}
	}
}
