package page

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/broker"
)

// newBroker returns a broker that has the devices, dev1 if none is given.
func newBroker(t testing.TB, o broker.Options, devices ...string) *broker.Broker {
	t.Helper()
	b, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if devices == nil {
		devices = []string{"dev1"}
	}
	var list []broker.PutIdentity
	for _, d := range devices {
		list = append(list, broker.PutIdentity{ID: broker.ID{Device: d}})
	}
	if err := b.Register(list...); err != nil {
		t.Fatal(err)
	}
	return b
}

func send(t testing.TB, b *broker.Broker, device string, m *broker.Message) {
	t.Helper()
	if refused := b.Send(broker.ID{Device: device}, m); refused != nil {
		t.Fatal(refused)
	}
}

// serve serves the page until the test ends, and returns its address.
func serve(t testing.TB, p *Page) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text := Refuse(r); text != "" {
			t.Error(text)
		}
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// get returns an answer of the page.
func get(t testing.TB, url string) (status int, body string, header http.Header) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b), r.Header
}

// getJSON reads an answer of the page into v.
func getJSON(t testing.TB, url string, v any) {
	t.Helper()
	status, body, _ := get(t, url)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", url, status, body)
	}
	if err := json.Unmarshal([]byte(body), v); err != nil {
		t.Fatalf("%s: %v in %s", url, err, body)
	}
}

// TestHeaders checks what keeps the browser from doing anything with the page but to
// show it.
func TestHeaders(t *testing.T) {
	url := serve(t, New(newBroker(t, broker.Options{}), "myhub"))
	for path, want := range map[string]struct {
		status int
		kind   string
	}{
		"/":              {http.StatusOK, "text/html; charset=utf-8"},
		"/page/devices":  {http.StatusOK, "application/json; charset=utf-8"},
		"/page/feedback": {http.StatusOK, "application/json; charset=utf-8"},
		"/page/none":     {http.StatusNotFound, "text/plain; charset=utf-8"},
		"/page/":         {http.StatusNotFound, "text/plain; charset=utf-8"},
	} {
		status, _, h := get(t, url+path)
		if kind := h.Get("Content-Type"); status != want.status || kind != want.kind {
			t.Errorf("%s: %d %s, want %d %s", path, status, kind, want.status, want.kind)
		}
		for name, part := range map[string]string{
			"Content-Security-Policy":      "default-src 'none'",
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Referrer-Policy":              "no-referrer",
			"Cache-Control":                "no-store",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if !strings.Contains(h.Get(name), part) {
				t.Errorf("%s: %s is %q, want %q in it", path, name, h.Get(name), part)
			}
		}
	}
}

// TestDocumentNeedsNothing checks that the document is complete, and that the policy
// is about what it holds.
func TestDocumentNeedsNothing(t *testing.T) {
	text := string(document)
	for _, part := range []string{"{{", "<script src", "<link rel=\"stylesheet", "style=\"", "onclick", "innerHTML", "eval("} {
		if strings.Contains(text, part) {
			t.Errorf("the document holds %q", part)
		}
	}
	for _, url := range regexp.MustCompile(`[a-z]+://[^'" )]+`).FindAllString(text, -1) {
		if url != "http://www.w3.org/2000/svg" { // the name of a language
			t.Errorf("the document names %s", url)
		}
	}
	for name, content := range map[string]string{"style": style, "script": script} {
		if !strings.Contains(text, "<"+name+">"+content+"</"+name+">") || strings.Contains(content, "</"+name) {
			t.Errorf("the document has no whole %s", name)
		}
		if !strings.Contains(policy, name+"-src '"+hash(content)+"'") {
			t.Errorf("the policy %q does not allow the %s", policy, name)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("the policy is %q", policy)
	}
}

// TestWhoIsRefused checks who may look at the page.
func TestWhoIsRefused(t *testing.T) {
	for _, test := range []struct {
		name, path, peer, site, mode string
		passes                       bool
	}{
		{"this machine", "/page/devices", "127.0.0.1:1234", "same-origin", "cors", true},
		{"no browser", "/page/devices", "127.8.9.10:1234", "", "", true},
		{"IPv6", "/", "[::1]:1234", "none", "navigate", true},
		{"IPv4 in IPv6", "/", "[::ffff:127.0.0.1]:1234", "none", "navigate", true},
		{"another machine", "/", "192.0.2.7:1234", "none", "navigate", false},
		{"another machine, IPv6", "/page/devices", "[2001:db8::1]:1234", "", "", false},
		{"nobody knows", "/", "pipe", "", "", false},
		{"a link", "/", "127.0.0.1:1234", "cross-site", "navigate", true},
		{"a script of a foreign page", "/page/devices", "127.0.0.1:1234", "cross-site", "no-cors", false},
		{"a page at another port", "/page/devices", "127.0.0.1:1234", "same-site", "no-cors", false},
		{"a link to data", "/page/devices", "127.0.0.1:1234", "cross-site", "navigate", false},
		{"the document as a picture", "/", "127.0.0.1:1234", "cross-site", "no-cors", false},
	} {
		r := httptest.NewRequest(http.MethodGet, test.path, nil)
		r.RemoteAddr = test.peer
		r.Header.Set("Sec-Fetch-Site", test.site)
		r.Header.Set("Sec-Fetch-Mode", test.mode)
		if text := Refuse(r); (text == "") != test.passes {
			t.Errorf("%s: %q, want it to pass: %v", test.name, text, test.passes)
		}
	}
}

// TestWhatIsOwned checks that the page is not in the way of the REST API.
func TestWhatIsOwned(t *testing.T) {
	for request, want := range map[string]bool{
		"GET /": true, "HEAD /": true, "GET /page/devices": true, "GET /page/none": true, "GET /?x=1": true,
		"POST /": false, "PUT /page/devices": false, "HEAD /page/events": false, "GET /?api-version=1": false,
		"GET /page/devices?api-version=1": false, "GET /pages": false, "GET /page": false, "GET /devices": false,
	} {
		method, target, _ := strings.Cut(request, " ")
		if got := Owns(httptest.NewRequest(method, target, nil)); got != want {
			t.Errorf("%s: %v, want %v", request, got, want)
		}
	}
}
