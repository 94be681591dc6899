package localhub_test

import (
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/jwttest"
	"iothub-c2d/internal/localhub"
)

// TestBearerOverREST checks what each role may do by REST, and that the rest is
// refused like other tokens.
func TestBearerOverREST(t *testing.T) {
	t.Parallel()
	key := jwttest.NewRSA(2048)
	parsed, err := localhub.ParseBearerKey(jwttest.PublicPEM(key))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := newRest(t, localhub.Options{BearerKey: parsed})
	operations := []struct {
		letter             string
		method, path, body string
	}{
		{"g", "GET", "/devices/dev1", ""},
		{"s", "GET", "/statistics/devices", ""},
		{"t", "GET", "/twins/dev1", ""},
		{"q", "POST", "/devices/query", `{"query":"SELECT * FROM devices"}`},
		{"b", "POST", "/devices", `[]`},
		{"c", "DELETE", "/devices/dev1/commands", ""},
		{"r", "GET", "/devices/dev1/messages/devicebound", ""},
	}
	for role, allowed := range map[string]string{
		"IoT Hub Data Contributor":     "gstqbc",
		"IoT Hub Data Reader":          "gstq",
		"IoT Hub Registry Contributor": "gstqb",
		"IoT Hub Twin Contributor":     "tq",
		"Contributor":                  "",
	} {
		claims := jwttest.Good(time.Hour).With("roles", []string{role})
		client := r.as("Bearer " + jwttest.Token("RS256", claims, jwttest.RS256(key)))
		for _, o := range operations {
			a := client.do(o.method, o.path, o.body)
			if got, want := a.status != 401, strings.Contains(allowed, o.letter); got != want {
				t.Errorf("%s: %s %s: answered with %d %s, want it allowed: %v", role, o.method, o.path, a.status, a.body, want)
			} else if !want {
				a.wantRefused(t, o.path, 401, "IotHubUnauthorizedAccess")
				if !strings.Contains(a.body, "Tracking ID:") {
					t.Errorf("%s has no tracking id", a.body)
				}
			}
		}
	}
}
