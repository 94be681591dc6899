package localhub_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

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
