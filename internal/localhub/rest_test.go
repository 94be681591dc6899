package localhub_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// rest is a client of a hub's REST API.
type rest struct {
	t      *testing.T
	client *http.Client
	token  string // of the policy iothubowner, but for tests about others
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// restOf returns a client that goes the route, and keeps its connections.
func restOf(t *testing.T, l line, r route) rest {
	t.Helper()
	dial := l.dialer(r)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	t.Cleanup(transport.CloseIdleConnections)
	return rest{t, &http.Client{Transport: transport}, signed(defaults.Key(), "localhost", "iothubowner", time.Hour)}
}

// newRest returns a client of a new hub, over a socket.
func newRest(t *testing.T, options localhub.Options) (rest, line) {
	t.Helper()
	l := overLoopback(t, options)
	return restOf(t, l, route{}), l
}

// as is the same client with another token; without one, it shows none.
func (r rest) as(token string) rest {
	r.token = token
	return r
}

// asDevice is the same client with the token of a device or module.
func (r rest) asDevice(path string, key sas.Key) rest {
	return r.as(signed(key, "localhost/devices/"+path, "", time.Hour))
}

// do sends a request with the api-version, and the given headers: names and values.
func (r rest) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	a, err := r.try(method, path, body, headers...)
	check(r.t, err)
	return a
}

// try is do for goroutines that must not end the test.
func (r rest) try(method, path, body string, headers ...string) (answer, error) {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	url := "http://localhost" + path + separator + "api-version=2021-04-12"
	request, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if r.token != "" {
		request.Header.Set("Authorization", r.token)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] != "" {
			request.Header.Set(headers[i], headers[i+1])
		}
	}
	response, err := r.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(b)}, err
}

// want expects the status, and returns the answer.
func (r rest) want(status int, method, path, body string, headers ...string) answer {
	r.t.Helper()
	a := r.do(method, path, body, headers...)
	if a.status != status {
		r.t.Fatalf("%s %s: answered with %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

// wantRefused expects a refusal of that name, in the form that the SDKs understand.
func (a answer) wantRefused(t *testing.T, what string, status int, code string) {
	t.Helper()
	if a.status != status || a.header.Get("iothub-errorcode") != code || !strings.HasPrefix(a.body, `{"Message":"ErrorCode:`+code+";") ||
		!strings.Contains(a.body, `"ExceptionMessage":"Tracking ID:`) || a.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%s: answered with %d %v %s, want %d %s", what, a.status, a.header, a.body, status, code)
	}
}

// object returns the body as a JSON object.
func (a answer) object(t *testing.T) (o map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return o
}

// list returns the body as a list of JSON objects.
func (a answer) list(t *testing.T) (l []map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &l); err != nil || l == nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return l
}

// at returns what is at a path of names with dots between, nil if there is nothing.
func at(o map[string]any, path string) any {
	for _, name := range strings.Split(path, ".") {
		v, ok := o[name].(map[string]any)
		if !ok {
			return o[name]
		}
		o = v
	}
	return o
}

// keysOf returns the keys in an identity.
func keysOf(t *testing.T, identity map[string]any) (keys [2]sas.Key) {
	t.Helper()
	for i, name := range []string{"primaryKey", "secondaryKey"} {
		text, _ := at(identity, "authentication.symmetricKey."+name).(string)
		var err error
		if keys[i], err = sas.ParseKey(text); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return keys
}

var https = route{name: "https", tls: &tls.Config{}}
