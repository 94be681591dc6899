package localhub_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/localhub"
)

// TestIdentity creates, reads, changes and deletes a device by REST, and looks at
// every field.
func TestIdentity(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	created := r.want(200, "PUT", "/devices/d", `{"deviceId":"d"}`)
	identity := created.object(t)
	etag, generation := identity["etag"].(string), identity["generationId"].(string)
	keys := keysOf(t, identity)
	want := map[string]any{
		"deviceId": "d", "generationId": generation, "etag": etag, "connectionState": "Disconnected", "status": "enabled",
		"statusReason": nil, "connectionStateUpdatedTime": "0001-01-01T00:00:00Z", "statusUpdatedTime": "0001-01-01T00:00:00Z",
		"lastActivityTime": "0001-01-01T00:00:00Z", "cloudToDeviceMessageCount": 0.0, "capabilities": map[string]any{"iotEdge": false},
		"authentication": map[string]any{
			"symmetricKey":   map[string]any{"primaryKey": keys[0].Base64(), "secondaryKey": keys[1].Base64()},
			"x509Thumbprint": map[string]any{"primaryThumbprint": nil, "secondaryThumbprint": nil},
			"type":           "sas",
		},
	}
	if diff := cmp.Diff(want, identity); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if got := created.header.Get("ETag"); got != `"`+etag+`"` || keys[0].Equal(keys[1]) || len(generation) != 18 {
		t.Errorf("ETag %s, generation %s, keys equal: %v", got, generation, keys[0].Equal(keys[1]))
	}
	if got := r.want(200, "GET", "/devices/d", ""); got.body != created.body || got.header.Get("ETag") != created.header.Get("ETag") {
		t.Errorf("got %s, want %s", got.body, created.body)
	}
	if !strings.HasSuffix(created.body, `"type":"sas"}}`+"\n") {
		t.Error("the type of authentication does not come last")
	}

	before := time.Now().UTC()
	updated := r.want(200, "PUT", "/devices/d", `{"deviceId":"d","status":"DISABLED","statusReason":"käse"}`, "If-Match", `"`+etag+`"`).object(t)
	if got := updated["statusUpdatedTime"].(string); got < before.Format("2006-01-02T15:04:05") || got == "" {
		t.Errorf("status changed at %s, want after %v", got, before)
	}
	want["status"], want["statusReason"] = "disabled", "käse"
	want["etag"], want["statusUpdatedTime"] = updated["etag"], updated["statusUpdatedTime"]
	if diff := cmp.Diff(want, updated); diff != "" || updated["etag"] == etag {
		t.Errorf("after an update (-want +got):\n%s", diff)
	}
	r.do("PUT", "/devices/d", `{}`, "If-Match", `"`+etag+`"`).wantRefused(t, "old ETag", 412, "PreconditionFailed")
	r.do("DELETE", "/devices/d", "", "If-Match", etag).wantRefused(t, "old ETag", 412, "PreconditionFailed")

	deleted := r.want(204, "DELETE", "/devices/d", "", "If-Match", updated["etag"].(string))
	if deleted.body != "" {
		t.Errorf("answered with %q, want nothing", deleted.body)
	}
	r.do("GET", "/devices/d", "").wantRefused(t, "deleted", 404, "DeviceNotFound")
	again := r.want(200, "PUT", "/devices/d", `{}`).object(t)
	if again["generationId"].(string) <= generation {
		t.Errorf("generation %s after %s", again["generationId"], generation)
	}
}

// TestIdentitiesFromSDKs creates devices with what the SDKs send.
func TestIdentitiesFromSDKs(t *testing.T) {
	t.Parallel()
	key := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef"))
	print40 := strings.Repeat("AB", 20)
	const all = `"etag":"","generationId":"","connectionState":"Disconnected","connectionStateUpdatedTime":"0001-01-01T00:00:00",` +
		`"statusUpdatedTime":null,"lastActivityTime":"2026-01-01T00:00:00Z","cloudToDeviceMessageCount":7,"deviceScope":null`
	for _, test := range []struct {
		name, id, body string
		want           map[string]any // by path
	}{
		{
			"Node", "dev", `{"deviceId":"dev","authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}}`,
			map[string]any{"authentication.type": "sas", "status": "enabled"},
		},
		{
			"Python", "dev", `{"deviceId":"dev","status":"disabled","authentication":{"type":"sas","symmetricKey":{}},"capabilities":{"iotEdge":true}}`,
			map[string]any{"status": "disabled", "capabilities.iotEdge": true},
		},
		{
			"Java", "dev", `{"deviceId":"dev",` + all + `,"status":"Enabled","authentication":{"type":"sas","symmetricKey":{"primaryKey":"` + key + `","secondaryKey":"` + key + `"},"x509Thumbprint":null}}`,
			map[string]any{"status": "enabled", "authentication.symmetricKey.primaryKey": key, "authentication.symmetricKey.secondaryKey": key, "cloudToDeviceMessageCount": 0.0},
		},
		{
			"C#", "dev", `{"deviceId":"dev","authentication":{"symmetricKey":null,"x509Thumbprint":{"primaryThumbprint":"` + print40 + `","secondaryThumbprint":null},"type":"SelfSigned"}}`,
			map[string]any{"authentication.type": "selfSigned", "authentication.x509Thumbprint.primaryThumbprint": print40, "authentication.x509Thumbprint.secondaryThumbprint": nil, "authentication.symmetricKey.primaryKey": nil},
		},
		{
			"CA", "dev", `{"authentication":{"type":"certificateAuthority"}}`,
			map[string]any{"deviceId": "dev", "authentication.type": "certificateAuthority", "authentication.symmetricKey.primaryKey": nil},
		},
		{"nothing", "dev", `{}`, map[string]any{"deviceId": "dev", "authentication.type": "sas"}},
		{"null", "dev", `null`, map[string]any{"deviceId": "dev"}},
		{"odd id", "a%25b%3A%23c%2B%27%3F", `{"deviceId":"a%b:#c+'?"}`, map[string]any{"deviceId": "a%b:#c+'?"}},
		{"raw id", "a:b@c=d!", `{}`, map[string]any{"deviceId": "a:b@c=d!"}},
		{"called query", "query", `{}`, map[string]any{"deviceId": "query"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, _ := newRest(t, localhub.Options{})
			created := r.want(200, "PUT", "/devices/"+test.id, test.body)
			o := created.object(t)
			for path, want := range test.want {
				if got := at(o, path); got != want {
					t.Errorf("%s = %v, want %v", path, got, want)
				}
			}
			if got := r.want(200, "GET", "/devices/"+test.id+"/", ""); got.body != created.body {
				t.Errorf("got %s, want %s", got.body, created.body)
			}
			r.want(200, "GET", "/devices%2F"+test.id, "")
		})
	}
}

// TestModules are identities below a device.
func TestModules(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	o := r.want(200, "PUT", "/devices/dev1/modules/m%25", `{"moduleId":"m%","deviceId":"dev1","managedBy":"me"}`).object(t)
	keys := keysOf(t, o)
	want := map[string]any{
		"moduleId": "m%", "managedBy": "me", "deviceId": "dev1", "generationId": o["generationId"], "etag": o["etag"],
		"connectionState": "Disconnected", "connectionStateUpdatedTime": "0001-01-01T00:00:00Z", "lastActivityTime": "0001-01-01T00:00:00Z",
		"cloudToDeviceMessageCount": 0.0,
		"authentication": map[string]any{
			"symmetricKey":   map[string]any{"primaryKey": keys[0].Base64(), "secondaryKey": keys[1].Base64()},
			"x509Thumbprint": map[string]any{"primaryThumbprint": nil, "secondaryThumbprint": nil},
			"type":           "sas",
		},
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("module (-want +got):\n%s", diff)
	}
	r.want(200, "PUT", "/devices/dev1/modules/a", `{}`)
	list := r.want(200, "GET", "/devices/dev1/modules", "").list(t)
	if len(list) != 2 || list[0]["moduleId"] != "a" || list[1]["moduleId"] != "m%" {
		t.Errorf("modules %v, want a and m%%", list)
	}
	r.want(200, "PUT", "/devices/dev1/modules/a", `{"managedBy":"you"}`, "If-Match", "*")
	if got := r.want(200, "GET", "/devices/dev1/modules/a", "").object(t)["managedBy"]; got != "you" {
		t.Errorf("managed by %v, want you", got)
	}
	r.want(204, "DELETE", "/devices/dev1/modules/a", "")
	r.do("GET", "/devices/dev1/modules/a", "").wantRefused(t, "deleted", 404, "ModuleNotFound")
	r.do("PUT", "/devices/none/modules/a", "{}").wantRefused(t, "of nobody", 404, "DeviceNotFound")
	r.do("GET", "/devices/none/modules", "").wantRefused(t, "of nobody", 404, "DeviceNotFound")
	r.do("PUT", "/devices/dev1/modules/m%25", "{}").wantRefused(t, "twice", 409, "ModuleAlreadyExistsOnDevice")
	if list := r.want(200, "GET", "/devices/dev1/modules", "").list(t); len(list) != 1 {
		t.Errorf("modules %v, want m%%", list)
	}
}
