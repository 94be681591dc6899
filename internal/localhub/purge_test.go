package localhub_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// signed returns the text of a token that is good for so long.
func signed(key sas.Key, resource, policy string, ttl time.Duration) string {
	return sas.NewToken(key, resource, policy, time.Now().Add(ttl)).Reveal()
}

// deletePath sends the request over the route, and returns the answer.
func deletePath(t *testing.T, l line, r route, path, token string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://localhost"+path, http.NoBody)
	check(t, err)
	if token != "" {
		request.Header.Set("Authorization", token)
	}
	dial := l.dialer(r)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	response, err := (&http.Client{Transport: transport}).Do(request)
	check(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(t, err)
	return response, string(body)
}

// TestPurgeOverHTTP lets a back end purge a queue: the sender hears of it.
func TestPurgeOverHTTP(t *testing.T) {
	t.Parallel()
	for _, r := range []route{{name: "http"}, {name: "https", tls: &tls.Config{}}} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			device := localhub.Device{ID: "käse #1", Key: defaults.Key()}
			l := overLoopback(t, localhub.Options{Devices: []localhub.Device{device}})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			service, err := iothub.DialService(ctx,
				sas.ConnectionString{HostName: "localhost", KeyName: "service", Key: defaults.Key()},
				&iothub.Options{Dial: l.dialer(route{})})
			check(t, err)
			defer service.Close(ctx)
			feedback, err := service.ReceiveFeedback(ctx)
			check(t, err)
			for _, id := range []string{"m1", "m2"} {
				check(t, service.Send(ctx, device.ID, &iothub.Message{ID: id, Ack: iothub.AckFull}))
			}
			token := signed(defaults.Key(), "localhost", "service", time.Hour)
			for _, want := range []int{2, 0} {
				response, body := deletePath(t, l, r, "/devices/k%C3%A4se%20%231/commands?api-version=2021-04-12", token)
				wantJSON(t, body, map[string]any{"totalMessagesPurged": float64(want), "deviceId": device.ID, "moduleId": nil})
				if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || !strings.HasPrefix(got, "application/json") {
					t.Errorf("answered with %d %s, want 200 application/json", response.StatusCode, got)
				}
			}
			batch, err := feedback.Receive(ctx) // the hub has joined both records
			check(t, err)
			for i, id := range []string{"m1", "m2"} {
				if got := batch.Records[i]; got.MessageID != id || got.Status != iothub.Purged {
					t.Errorf("feedback = %+v, want Purged of %s", got, id)
				}
			}
			check(t, batch.Complete(ctx))
		})
	}
}

func wantJSON(t *testing.T, text string, want map[string]any) {
	t.Helper()
	var got map[string]any
	check(t, json.Unmarshal([]byte(text), &got))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// TestPurgeRefused checks the answers that the SDKs map to their errors, that
// nothing is purged then, and that the hub says why, without the signature.
func TestPurgeRefused(t *testing.T) {
	t.Parallel()
	key := defaults.Key()
	const version, dev1 = "?api-version=2021-04-12", "/devices/dev1/commands"
	service := signed(key, "localhost", "service", time.Hour)
	for _, test := range []struct {
		name, path, token string
		status            int
		code              string
	}{
		{"no api-version", dev1, service, 400, "InvalidProtocolVersion"},
		{"no token", dev1 + version, "", 401, "IotHubUnauthorizedAccess"},
		{"Entra ID", dev1 + version, "Bearer ey", 401, "IotHubUnauthorizedAccess"},
		{"wrong key", dev1 + version, signed(sas.NewKey([]byte("wrong")), "localhost", "service", time.Hour), 401, "IotHubUnauthorizedAccess"},
		{"expired", dev1 + version, signed(key, "localhost", "service", -time.Hour), 401, "IotHubUnauthorizedAccess"},
		{"policy of devices", dev1 + version, signed(key, "localhost", "device", time.Hour), 401, "IotHubUnauthorizedAccess"},
		{"the device itself", dev1 + version, signed(key, "localhost/devices/dev1", "", time.Hour), 401, "IotHubUnauthorizedAccess"},
		{"scope of another device", dev1 + version, signed(key, "localhost/devices/dev2", "service", time.Hour), 401, "IotHubUnauthorizedAccess"},
		{"unknown device", "/devices/nobody/commands" + version, service, 404, "DeviceNotFound"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log := new(logBuffer)
			l := overLoopback(t, localhub.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
			response, body := deletePath(t, l, route{}, test.path, test.token)
			if got := response.Header.Get("iothub-errorcode"); response.StatusCode != test.status || got != test.code {
				t.Errorf("answered with %d %q, want %d %q", response.StatusCode, got, test.status, test.code)
			}
			if want := `{"Message":"ErrorCode:` + test.code + ";"; !strings.HasPrefix(body, want) || !strings.Contains(body, "Tracking ID:") {
				t.Errorf("answer %q, want it to begin with %q and to have a tracking id", body, want)
			}
			l.hub.Close() // the log is complete
			if got := log.String(); !strings.Contains(got, test.code) || strings.Contains(got, "sig=") {
				t.Errorf("log %q, want it to name %s and no signature", got, test.code)
			}
		})
	}
}

// TestPurgeScope checks that a token for a device's path is enough, and that no
// other path purges.
func TestPurgeScope(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, localhub.Options{})
	scoped := signed(defaults.Key(), "localhost/devices/dev1", "service", time.Hour)
	if r, body := deletePath(t, l, route{}, "/devices/dev1/commands?api-version=1", scoped); r.StatusCode != http.StatusOK {
		t.Errorf("answered with %d %q, want 200", r.StatusCode, body)
	}
	for path, want := range map[string]int{
		"/devices/dev1": http.StatusUnauthorized, "/devices/dev1/commands/1": http.StatusNotFound,
		"/devices/dev1/modules/m/commands": http.StatusNotFound, "/commands": http.StatusNotFound, "/": http.StatusNotFound,
	} {
		if r, body := deletePath(t, l, route{}, path+"?api-version=1", scoped); r.StatusCode != want {
			t.Errorf("%s: answered with %d %q, want %d", path, r.StatusCode, body, want)
		}
	}
}
