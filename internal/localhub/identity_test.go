package localhub_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
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

// TestRefusedByTheRegistry checks the answers that the SDKs make their errors of.
func TestRefusedByTheRegistry(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString([]byte("short"))
	for _, test := range []struct {
		method, path, body, ifMatch string
		status                      int
		code                        string
	}{
		{"PUT", "/devices/dev1", "{}", "", 409, "DeviceAlreadyExists"},
		{"PUT", "/devices/new", "{}", "*", 404, "DeviceNotFound"},
		{"PUT", "/devices/new", "{}", `"*"`, 404, "DeviceNotFound"},
		{"PUT", "/devices/dev1", "{}", `"other"`, 412, "PreconditionFailed"},
		{"PUT", "/devices/new", `{"deviceId":"other"}`, "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", `{"moduleId":"mod"}`, "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", "", "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", "{", "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", "{}{}", "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", "[]", "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", `{"status":"gone"}`, "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", `{"status":1}`, "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", `{"authentication":{"type":"password"}}`, "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", `{"authentication":{"type":"any"}}`, "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", `{"authentication":{"symmetricKey":{"primaryKey":"no base64"}}}`, "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", `{"authentication":{"symmetricKey":{"secondaryKey":"` + short + `"}}}`, "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", `{"authentication":{"type":"selfSigned"}}`, "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/new", strings.Repeat(" ", 16<<10) + "{}", "", 413, "MessageTooLarge"},
		{"PUT", "/devices/a%2Fb", "{}", "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/a%20b", "{}", "", 400, "ArgumentInvalid"},
		{"PUT", "/devices/" + strings.Repeat("a", 129), "{}", "", 400, "ArgumentInvalid"},
		{"GET", "/devices/DEV1", "", "", 404, "DeviceNotFound"},
		{"DELETE", "/devices/none", "", "*", 404, "DeviceNotFound"},
		{"DELETE", "/devices/dev1", "", "other", 412, "PreconditionFailed"},
		{"GET", "/devices?top=0", "", "", 400, "ArgumentInvalid"},
		{"GET", "/devices?top=1001", "", "", 400, "ArgumentInvalid"},
		{"GET", "/devices?top=x", "", "", 400, "ArgumentInvalid"},
		{"GET", "/twins/none", "", "", 404, "DeviceNotFound"},
		{"PATCH", "/twins/dev1", "{}", "", 404, "GenericNotFound"},
		{"POST", "/devices/dev1/messages/devicebound", "hello", "", 404, "GenericNotFound"},
		{"GET", "/jobs/v2", "", "", 404, "GenericNotFound"},
		{"PUT", "/devices", "{}", "", 404, "GenericNotFound"},
		{"GET", "/devices/dev1/modules/m/modules", "", "", 404, "GenericNotFound"},
		{"GET", "/twins/dev1/modules", "", "", 404, "GenericNotFound"},
		{"GET", "/devices//", "", "", 404, "GenericNotFound"},
	} {
		t.Run(test.method+test.path, func(t *testing.T) {
			t.Parallel()
			r, l := newRest(t, localhub.Options{})
			var headers []string
			if test.ifMatch != "" {
				headers = []string{"If-Match", test.ifMatch}
			}
			r.do(test.method, test.path, test.body, headers...).wantRefused(t, "request", test.status, test.code)
			if list := r.want(200, "GET", "/devices", "").list(t); len(list) != 1 || list[0]["deviceId"] != "dev1" {
				t.Errorf("devices %v, want dev1", list)
			}
			_ = l
		})
	}
}

// TestRegistryPermissions checks who may do what.
func TestRegistryPermissions(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	operations := []struct {
		letter             string
		method, path, body string
	}{
		{"g", "GET", "/devices/dev1", ""},
		{"l", "GET", "/devices", ""},
		{"m", "GET", "/devices/dev1/modules", ""},
		{"s", "GET", "/statistics/devices", ""},
		{"n", "GET", "/statistics/service", ""},
		{"t", "GET", "/twins/dev1", ""},
		{"q", "POST", "/devices/query", `{"query":"SELECT * FROM devices"}`},
		{"p", "PUT", "/devices/dev1", `{}`},
		{"d", "DELETE", "/devices/none", ""},
		{"b", "POST", "/devices", `[]`},
		{"c", "DELETE", "/devices/dev1/commands", ""},
		{"r", "GET", "/devices/dev1/messages/devicebound", ""},
		{"a", "DELETE", "/devices/dev1/messages/devicebound/x", ""},
		{"e", "POST", "/devices/dev1/messages/events", ""},
	}
	for _, test := range []struct{ token, allowed string }{
		{signed(defaults.Key(), "localhost", "iothubowner", time.Hour), "glmsntqpdbcrae"},
		{signed(defaults.Key(), "localhost", "registryRead", time.Hour), "glmsntq"},
		{signed(defaults.Key(), "localhost", "registryReadWrite", time.Hour), "glmsntqpdb"},
		{signed(defaults.Key(), "localhost", "service", time.Hour), "tqc"},
		{signed(defaults.Key(), "localhost", "device", time.Hour), "rae"},
		{signed(defaults.Key(), "localhost/devices", "registryReadWrite", time.Hour), "glmtqpdb"},
		{signed(defaults.Key(), "localhost/devices/dev1", "iothubowner", time.Hour), "gmtpcrae"},
		{signed(defaults.Key(), "localhost/devices/dev1", "", time.Hour), "rae"},
		{signed(defaults.Key(), "localhost/devices/dev1/messages/events", "", time.Hour), "e"},
		{signed(defaults.Key(), "localhost/devices/dev1/modules/m", "", time.Hour), ""},
		{signed(sas.NewKey([]byte("wrong")), "localhost", "iothubowner", time.Hour), ""},
		{signed(defaults.Key(), "localhost", "iothubowner", -time.Hour), ""},
		{"", ""},
		{"Bearer ey", ""},
	} {
		for _, o := range operations {
			a := r.as(test.token).do(o.method, o.path, o.body)
			if got, want := a.status != 401, strings.Contains(test.allowed, o.letter); got != want {
				t.Errorf("%.90s: %s %s: answered with %d %s, want it allowed: %v", test.token, o.method, o.path, a.status, a.body, want)
			} else if !want {
				a.wantRefused(t, o.path, 401, "IotHubUnauthorizedAccess")
			}
		}
	}
}

// TestBulk carries out each operation by itself, as the SDKs send them.
func TestBulk(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	const done = `{"isSuccessful":true,"errors":[],"warnings":[]}` + "\n"
	for _, path := range []string{"/devices", "/devices/"} {
		id := "d" + fmt.Sprint(len(path))
		for _, body := range []string{
			`[{"id":"` + id + `","importMode":"create","authentication":{"type":"sas","symmetricKey":{"primaryKey":null}},"status":"Enabled"},{"id":"` + id + `","moduleId":"m","importMode":"create"}]`,
			`[{"id":"` + id + `","importMode":"Update","status":"disabled","statusReason":"x"}]`,
			`[{"id":"` + id + `","importMode":"UpdateIfMatchETag","etag":"\"*\"","status":"enabled"}]`,
			`[{"id":"` + id + `","status":"enabled","eTag":null}]`, // the C# SDK leaves out its default
			`[{"id":"` + id + `","importMode":"deleteIfMatchEtag","eTag":"*"}]`,
		} {
			if got := r.want(200, "POST", path, body); got.body != done {
				t.Errorf("%s: answered with %s", body, got.body)
			}
		}
		r.do("GET", "/devices/"+id, "").wantRefused(t, "deleted", 404, "DeviceNotFound")
	}
	failed := r.do("POST", "/devices", `[{"id":"dev1","importMode":"create"},{"id":"new","importMode":"create"},{"id":"none","moduleId":"m","importMode":"delete"},`+
		`{"id":"x","importMode":"updateTwin"},{"id":"a/b","importMode":"create"},{"importMode":"create"},{"id":"new","importMode":"updateIfMatchETag","eTag":"no"}]`)
	failed.wantBulkFailure(t)
	var got []string
	for _, e := range failed.object(t)["errors"].([]any) {
		e := e.(map[string]any)
		got = append(got, fmt.Sprint(e["deviceId"], " ", e["moduleId"], " ", e["errorCode"]))
	}
	want := []string{
		"dev1 <nil> DeviceAlreadyExists", "none m DeviceNotFound", "x <nil> ArgumentInvalid", "a/b <nil> ArgumentInvalid",
		" <nil> ArgumentInvalid", "new <nil> PreconditionFailed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	r.want(200, "GET", "/devices/new", "")
}

func (a answer) wantBulkFailure(t *testing.T) {
	t.Helper()
	if o := a.object(t); a.status != 400 || o["isSuccessful"] != false || a.header.Get("iothub-errorcode") != "BulkRegistryOperationFailure" ||
		!strings.HasPrefix(o["Message"].(string), "ErrorCode:BulkRegistryOperationFailure;6 of 7 ") {
		t.Errorf("answered with %d %v %s", a.status, a.header, a.body)
	}
}

// TestBulkLimits takes a hundred operations of any size that SDKs send, and no more.
func TestBulkLimits(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	operations := func(n int) string {
		var list []string
		for i := range n {
			id := fmt.Sprint(i, strings.Repeat("d", 120))
			list = append(list, `{"id":"`+id+`","importMode":"create","statusReason":"`+strings.Repeat("é", 128)+`","deviceScope":null,`+
				`"authentication":{"type":"sas","symmetricKey":{"primaryKey":null,"secondaryKey":null},"x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null}}}`)
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	r.want(200, "POST", "/devices", operations(100))
	if n := len(r.want(200, "GET", "/devices", "").list(t)); n != 101 {
		t.Errorf("%d devices, want 101", n)
	}
	for body, code := range map[string]string{operations(101): "ArgumentInvalid", "[]": "ArgumentInvalid", "{}": "ArgumentInvalid", "": "ArgumentInvalid"} {
		r.do("POST", "/devices", body).wantRefused(t, fmt.Sprintf("%.20s", body), 400, code)
	}
	r.do("POST", "/devices", "["+strings.Repeat(" ", 400<<10)+"]").wantRefused(t, "too long", 413, "MessageTooLarge")
}

// newListed returns the client of a hub with the devices a, b and c; b has modules.
func newListed(t *testing.T) rest {
	t.Helper()
	r, _ := newRest(t, localhub.Options{Devices: []localhub.Device{{ID: "c", Key: defaults.Key()}, {ID: "a", Thumbprints: []string{strings.Repeat("0a", 20)}}}})
	r.want(200, "PUT", "/devices/b", `{"status":"disabled","capabilities":{"iotEdge":true}}`)
	for _, m := range []string{"x", "y"} {
		r.want(200, "PUT", "/devices/b/modules/"+m, `{}`)
	}
	return r
}

// namesIn returns the ids in a list of identities or twins.
func namesIn(t *testing.T, a answer) (s string) {
	t.Helper()
	for _, o := range a.list(t) {
		for _, name := range []string{"deviceId", "moduleId", "id"} {
			if v, ok := o[name].(string); ok {
				s += v
			}
		}
		s += " "
	}
	return s
}

func TestLists(t *testing.T) {
	t.Parallel()
	r := newListed(t)
	for path, want := range map[string]string{"/devices": "a b c ", "/devices/": "a b c ", "/devices?top=2": "a b ", "/devices?top=1000": "a b c "} {
		if got := namesIn(t, r.want(200, "GET", path, "")); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := r.want(200, "GET", "/statistics/devices", "").body; got != `{"totalDeviceCount":3,"enabledDeviceCount":2,"disabledDeviceCount":1}`+"\n" {
		t.Errorf("statistics %s", got)
	}
}

// TestQueries reads devices page by page.
func TestQueries(t *testing.T) {
	t.Parallel()
	r := newListed(t)
	for _, test := range []struct {
		query string
		size  string
		want  string // with | between pages
	}{
		{"select * from devices", "", "a b c "},
		{"select * from devices", "1", "a |b |c "},
		{"select * from devices", "2", "a b |c "},
		{"select * from devices", "3", "a b c "},
		{"select * from devices", "5000", "a b c "},
		{"SELECT deviceId AS id FROM devices WHERE capabilities.iotEdge = true", "", "b "},
		{"SELECT * FROM devices WHERE status = 'enabled' AND deviceId != 'c'", "1", "a |"},
		{"SELECT * FROM devices WHERE authenticationType = 'selfSigned'", "", "a "},
		{"SELECT * FROM devices WHERE tags.x = 1", "", ""},
		{"SELECT * FROM devices.modules", "", "bx by "},
		{"SELECT * FROM devices.modules", "1", "bx by |"},
		{"SELECT * FROM devices.modules WHERE moduleId = 'y'", "", "by "},
	} {
		if got := r.pages(test.query, test.size); got != test.want {
			t.Errorf("%s, %s at a time: %s, want %s", test.query, test.size, got, test.want)
		}
	}
	count := r.want(200, "POST", "/devices/query", `{"query":"SELECT COUNT() AS n FROM devices WHERE status='enabled'"}`)
	if count.body != `[{"n":2}]`+"\n" {
		t.Errorf("counted %s", count.body)
	}
}

// pages returns the ids in the pages of a query's answer, with | between pages.
func (r rest) pages(query, size string) string {
	r.t.Helper()
	var pages []string
	for next := ""; len(pages) == 0 || next != "" && len(pages) < 5; {
		a := r.want(200, "POST", "/devices/query", `{"query":"`+query+`"}`, "x-ms-max-item-count", size, "x-ms-continuation", next)
		if got := a.header.Get("x-ms-item-type"); got != "raw" {
			r.t.Errorf("item type %q", got)
		}
		pages = append(pages, namesIn(r.t, a))
		next = a.header.Get("x-ms-continuation")
	}
	return strings.Join(pages, "|")
}

func TestRefusedQueries(t *testing.T) {
	t.Parallel()
	r := newListed(t)
	for _, body := range []string{`{"query":"SELECT"}`, `{}`, `[]`, ``} {
		r.do("POST", "/devices/query", body).wantRefused(t, body, 400, "ArgumentInvalid")
	}
	const all = `{"query":"SELECT * FROM devices"}`
	r.do("POST", "/devices/query", all, "x-ms-max-item-count", "x").wantRefused(t, "size", 400, "ArgumentInvalid")
	r.do("POST", "/devices/query", all, "x-ms-continuation", "!").wantRefused(t, "token", 400, "ArgumentInvalid")
}

// TestTwin has the identity, and properties that are empty.
func TestTwin(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	etag := r.want(200, "PUT", "/devices/d", `{"statusReason":"why"}`).object(t)["etag"]
	none := map[string]any{"$metadata": map[string]any{"$lastUpdated": "0001-01-01T00:00:00Z"}, "$version": 1.0}
	want := map[string]any{
		"deviceId": "d", "etag": "AAAAAAAAAAE=", "deviceEtag": etag, "status": "enabled", "statusReason": "why",
		"statusUpdateTime": "0001-01-01T00:00:00Z", "connectionState": "Disconnected", "lastActivityTime": "0001-01-01T00:00:00Z",
		"cloudToDeviceMessageCount": 0.0, "authenticationType": "sas",
		"x509Thumbprint": map[string]any{"primaryThumbprint": nil, "secondaryThumbprint": nil},
		"modelId":        "", "version": 1.0, "tags": map[string]any{}, "capabilities": map[string]any{"iotEdge": false},
		"properties": map[string]any{"desired": none, "reported": none},
	}
	if diff := cmp.Diff(want, r.want(200, "GET", "/twins/d", "").object(t)); diff != "" {
		t.Errorf("twin (-want +got):\n%s", diff)
	}
	r.want(200, "PUT", "/devices/d/modules/m", `{}`)
	if got := r.want(200, "GET", "/twins/d/modules/m", "").object(t); got["moduleId"] != "m" || got["deviceId"] != "d" {
		t.Errorf("twin of a module %v", got)
	}
}

// TestBodyIsReadLast checks that nothing of a body is asked for before its sender
// is permitted to send it.
func TestBodyIsReadLast(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, localhub.Options{})
	for token, want := range map[string]string{
		signed(defaults.Key(), "localhost", "service", time.Hour):     "HTTP/1.1 401 ",
		signed(defaults.Key(), "localhost", "iothubowner", time.Hour): "HTTP/1.1 100 ",
	} {
		c, err := l.connect(context.Background())
		check(t, err)
		_, err = fmt.Fprintf(c, "PUT /devices/new?api-version=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", token)
		check(t, err)
		b := make([]byte, len(want))
		_, err = c.Read(b)
		check(t, err)
		if string(b) != want {
			t.Errorf("answered with %q, want %q", b, want)
		}
		check(t, c.Close())
	}
}

// TestActivity follows a device's connection, messages and activity in its identity.
func TestActivity(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	const never = "0001-01-01T00:00:00Z"
	if got := r.want(200, "GET", "/statistics/service", "").body; got != `{"connectedDeviceCount":0}`+"\n" {
		t.Errorf("statistics %s", got)
	}
	device := r.asDevice("dev1", defaults.Key())
	device.want(http.StatusNoContent, "GET", "/devices/dev1/messages/devicebound", "")
	o := r.want(200, "GET", "/devices/dev1", "").object(t)
	if o["connectionState"] != "Disconnected" || o["connectionStateUpdatedTime"] != never || o["lastActivityTime"] == never {
		t.Errorf("after a request over HTTP: %v", o)
	}
	first := o["lastActivityTime"].(string)
	device.want(http.StatusNoContent, "POST", "/devices/dev1/messages/events", "hello")
	if o = r.want(200, "GET", "/devices/dev1", "").object(t); o["lastActivityTime"].(string) <= first {
		t.Errorf("after telemetry: %v", o)
	}
}
