package httpfront

import (
	"bufio"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/sas"
)

// newHandler returns the handler of a client of a hub that has the device dev1 with
// a module and a message.
func newHandler(t testing.TB) *handler {
	t.Helper()
	b, err := broker.New(broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	log := slog.New(slog.DiscardHandler)
	r, err := registry.New(registry.Options{Broker: b, HostName: "localhost", Devices: []registry.Device{{ID: "dev1", Key: defaults.Key()}}, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	if _, refused := r.Create(registry.Identity{ID: broker.ID{Device: "dev1", Module: "m"}}); refused != nil {
		t.Fatal(refused)
	}
	m := &broker.Message{ID: "m1", Properties: []broker.Property{{Name: "name", Value: "välue"}}, Body: []byte("hello")}
	if refused := b.Send(broker.ID{Device: "dev1"}, m); refused != nil {
		t.Fatal(refused)
	}
	names := []string{"localhost"}
	control := access.New(access.Options{HostNames: names, Policies: access.DefaultPolicies(), Registry: r})
	f := New(Options{HostNames: names, Broker: b, Registry: r, Access: control, Logger: log})
	return &handler{Options: f.options, front: f, client: Client{Log: log}, outlive: func() bool { return true }}
}

// requests are what clients send, without the header that all have.
var requests = []string{
	"PUT /devices/new?api-version=1\n\n{\"deviceId\":\"new\",\"status\":\"Enabled\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}}}",
	"PUT /devices/dev1?api-version=1\nIf-Match: \"*\"\n\n{\"status\":\"disabled\",\"statusReason\":\"x\",\"capabilities\":{\"iotEdge\":true}}",
	"PUT /devices/d?api-version=1\n\n{\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{\"primaryThumbprint\":\"0000000000000000000000000000000000000000\"}}}",
	"GET /devices/dev1?api-version=1\n\n",
	"DELETE /devices/dev1?api-version=1\nIf-Match: MQ==\n\n",
	"PUT /devices/dev1/modules/n?api-version=1\n\n{\"moduleId\":\"n\",\"managedBy\":\"me\"}",
	"GET /devices/dev1/modules?api-version=1\n\n",
	"GET /devices/?api-version=1&top=3\n\n",
	"POST /devices?api-version=1\n\n[{\"id\":\"a\",\"importMode\":\"create\"},{\"id\":\"dev1\",\"moduleId\":\"m\",\"importMode\":\"deleteIfMatchETag\",\"eTag\":\"*\"}]",
	"POST /devices/query?api-version=1\nx-ms-max-item-count: 1\nx-ms-continuation: YQ==\n\n{\"query\":\"SELECT deviceId AS id FROM devices WHERE status = 'enabled'\"}",
	"GET /twins/dev1/modules/m?api-version=1\n\n",
	"GET /statistics/devices?api-version=1\n\n",
	"GET /devices%2Fdev1%2Fmodules/m?api-version=1\n\n",
	"GET /devices/dev1/messages/devicebound?api-version=1\niothub-messagelocktimeout: 5\n\n",
	"DELETE /devices/dev1/messages/deviceBound/00000000-0000-0000-0000-000000000000?api-version=1&reject\nIf-Match: \"00000000-0000-0000-0000-000000000000\"\n\n",
	"POST /devices/dev1/messages/devicebound/x/abandon?api-version=1\n\n",
	"POST /devices/dev1/modules/m/messages/events?api-version=1\nContent-Type: application/vnd.microsoft.iothub.json\n\n[{\"body\":\"aGk=\",\"properties\":{}}]",
	"DELETE /devices/dev1/commands?api-version=1\n\n",
	"GET /$iothub/websocket\nUpgrade: websocket\n\n",
	"GET /\nOrigin: http://evil.example\n\n",
}

// FuzzRequests sends whatever it finds, as an owner of the hub and as a device: no
// request makes the hub panic or fail, and each is answered in the form that the
// SDKs understand.
func FuzzRequests(f *testing.F) {
	for _, r := range requests {
		head, body, _ := strings.Cut(r, "\n\n")
		f.Add(head, body, true)
	}
	f.Add("GET /devices/dev1/messages/devicebound?api-version=1", "", false)
	f.Fuzz(func(t *testing.T, head, body string, owner bool) {
		token := sas.NewToken(defaults.Key(), "localhost/devices/dev1", "", time.Now().Add(time.Hour))
		if owner {
			token = sas.NewToken(defaults.Key(), "localhost", defaults.Policy, time.Now().Add(time.Hour))
		}
		line, headers, _ := strings.Cut(head, "\n")
		text := line + " HTTP/1.1\nHost: localhost\nAuthorization: " + token.Reveal() + "\nConnection: close\n" + headers + "\n\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		r.Body = http.NoBody
		if body != "" {
			r.Body = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)).Body
		}
		w := httptest.NewRecorder()
		h := newHandler(t)
		h.ServeHTTP(w, r)
		checkAnswer(t, h, w)
	})
}

// checkAnswer checks what is true of every answer.
func checkAnswer(t *testing.T, h *handler, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code < 200 || w.Code >= 500 && w.Code != http.StatusNotImplemented {
		t.Errorf("answered with %d %s", w.Code, w.Body)
	}
	code := w.Header().Get("iothub-errorcode")
	if code == "" {
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("answered with %d and no JSON: %s", w.Code, w.Body)
		}
		return
	}
	var body struct{ Message, ExceptionMessage string }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code < 400 || !strings.HasPrefix(body.Message, "ErrorCode:"+code+";") {
		t.Errorf("answered with %d %q and %s: %v", w.Code, code, w.Body, err)
	}
	if total, disabled := h.Registry.Count(); disabled > total || len(h.Registry.List("", total+1)) != total {
		t.Errorf("%d devices, %d disabled, %d listed", total, disabled, len(h.Registry.List("", total+1)))
	}
}
