package localhub_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

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

// TestRegistryIsKept restarts a hub with --data: devices that were made by REST are
// there, with keys, status, modules and messages; deleted ones are not.
func TestRegistryIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	given := []localhub.Device{{ID: "given", Key: defaults.Key()}}
	run := func(devices []localhub.Device, f func(r rest, l line)) {
		hub := newHub(t, localhub.Options{Data: dir, Devices: devices})
		defer hub.Close()
		l := serve(t, hub)
		f(restOf(t, l, route{}), l)
	}
	var before string
	var keys [2]sas.Key
	run(given, func(r rest, l line) {
		keys = keysOf(t, r.want(200, "PUT", "/devices/dev1", `{}`).object(t))
		r.want(200, "PUT", "/devices/dev1/modules/m", `{"managedBy":"me"}`)
		r.want(200, "PUT", "/devices/off", `{"status":"disabled","statusReason":"why","authentication":{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":"`+strings.Repeat("AB", 20)+`"}}}`)
		r.want(200, "PUT", "/devices/gone", `{}`)
		r.want(200, "PUT", "/devices/given", `{"status":"disabled"}`, "If-Match", "*")
		service := backEnd(t, l)
		check(t, service.Send(t.Context(), "dev1", &iothub.Message{ID: "m1"}))
		check(t, service.Send(t.Context(), "gone", &iothub.Message{ID: "m2"}))
		r.want(204, "DELETE", "/devices/gone", "")
		before = r.want(200, "GET", "/devices", "").body + r.want(200, "GET", "/devices/dev1/modules", "").body
		_ = service.Close(t.Context())
	})
	run(given, func(r rest, l line) {
		if after := r.want(200, "GET", "/devices", "").body + r.want(200, "GET", "/devices/dev1/modules", "").body; after != before {
			t.Errorf("after a restart:\n%s\nbefore:\n%s", after, before)
		}
		device := r.asDevice("dev1", keys[1])
		lock := device.want(200, "GET", inbox, "").lockOf(t)
		device.want(204, "DELETE", inbox+"/"+lock, "")
		r.do("GET", "/devices/gone", "").wantRefused(t, "the deleted one", 404, "DeviceNotFound")
		r.asDevice("given", defaults.Key()).do("GET", "/devices/given/messages/devicebound", "").wantRefused(t, "disabled", 401, "IotHubUnauthorizedAccess")
	})
	// Other settings: what they do not name stays, what they name has their key.
	other := sas.NewKey([]byte("the key of the settings"))
	run([]localhub.Device{{ID: "dev1", Key: other}}, func(r rest, _ line) {
		r.asDevice("dev1", keys[0]).do("GET", inbox, "").wantRefused(t, "the old key", 401, "IotHubUnauthorizedAccess")
		r.asDevice("dev1", other).want(204, "GET", inbox, "")
		if n := len(r.want(200, "GET", "/devices", "").list(t)); n != 3 {
			t.Errorf("%d devices, want 3", n)
		}
		r.want(200, "GET", "/devices/dev1/modules/m", "")
		r.want(200, "PUT", "/devices/gone", `{}`)
		if n := r.want(200, "GET", "/devices/gone", "").object(t)["cloudToDeviceMessageCount"]; n != 0.0 {
			t.Errorf("the new one has %v messages of the old one", n)
		}
	})
}
