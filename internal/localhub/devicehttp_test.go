package localhub_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// backEnd connects as a service over AMQP, until the test ends.
func backEnd(t *testing.T, l line) *iothub.Service {
	t.Helper()
	cs := sas.ConnectionString{HostName: "localhost", KeyName: "service", Key: defaults.Key()}
	service, err := iothub.DialService(t.Context(), cs, &iothub.Options{Dial: l.dialer(route{})})
	check(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = service.Close(ctx)
	})
	return service
}

// amqpDevice connects as dev1 over AMQP, until the test ends.
func amqpDevice(t *testing.T, l line, key sas.Key) (*iothub.Device, error) {
	t.Helper()
	cs := sas.ConnectionString{HostName: "localhost", DeviceID: "dev1", Key: key}
	device, err := iothub.DialDevice(t.Context(), cs, &iothub.Options{Dial: l.dialer(route{})})
	if err == nil {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = device.Close(ctx)
		})
	}
	return device, err
}

const inbox = "/devices/dev1/messages/devicebound"

var guids = regexp.MustCompile(`^"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"$`)

// lockOf returns the lock token of a message, as clients put it into paths.
func (a answer) lockOf(t *testing.T) string {
	t.Helper()
	etag := a.header.Get("ETag")
	if !guids.MatchString(etag) {
		t.Fatalf("ETag %s, want a GUID in quotes", etag)
	}
	return strings.Trim(etag, `"`)
}

// TestHeadersOfMessages checks what a device gets by HTTP, name by name: some
// clients take the sender's names out of it with their case.
func TestHeadersOfMessages(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, localhub.Options{})
	service := backEnd(t, l)
	expiry := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	check(t, service.Send(t.Context(), "dev1", &iothub.Message{
		ID: "m1", CorrelationID: "c1", UserID: "u1", ContentType: "text/plain", ContentEncoding: "utf-8", Ack: iothub.AckFull, Expiry: expiry,
		Properties: map[string]any{"camelCase": "value 1"}, Body: []byte("hello\x00\xff"),
	}))
	check(t, service.Send(t.Context(), "dev1", &iothub.Message{Properties: map[string]any{"odd": "ä\r\nX: y", "n": ""}}))
	before := time.Now()
	first := rawGet(t, l, inbox)
	for _, want := range []string{
		"HTTP/1.1 200 OK", "Content-Length: 7", "Content-Type: application/octet-stream", `Etag: "`,
		"iothub-messageid: m1", "iothub-correlationid: c1", "iothub-userid: u1", "iothub-to: /devices/dev1/messages/devicebound",
		"iothub-ack: full", "iothub-sequencenumber: 1", "iothub-deliverycount: 0", "iothub-expiry: " + expiry.Format("2006-01-02T15:04:05.0000000Z"),
		"iothub-enqueuedtime: " + before.UTC().Format("2006-01-02T15:"), "ContentType: text/plain", "ContentEncoding: utf-8",
		"iothub-contenttype: text/plain", "iothub-contentencoding: utf-8", "iothub-app-camelCase: value 1",
	} {
		if !slices.ContainsFunc(first, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("no line %q in\n%s", want, strings.Join(first, "\n"))
		}
	}
	if body := first[len(first)-1]; body != "hello\x00\xff" {
		t.Errorf("body %q", body)
	}
	second := strings.Join(rawGet(t, l, inbox), "\n")
	for _, want := range []string{"iothub-ack: none", "iothub-sequencenumber: 2", "iothub-app-n: \n", "iothub-app-odd: %C3%A4%0D%0AX%3A%20y", "Content-Length: 0"} {
		if !strings.Contains(second, want) {
			t.Errorf("no line %q in\n%s", want, second)
		}
	}
	for _, not := range []string{"iothub-messageid", "iothub-expiry", "ContentType", "Content-Encoding"} {
		if strings.Contains(second, "\n"+not) {
			t.Errorf("a line %q in\n%s", not, second)
		}
	}
}

// rawGet returns the lines of the answer to dev1's request, and the body.
func rawGet(t *testing.T, l line, path string) (lines []string) {
	t.Helper()
	c, err := l.connect(t.Context())
	check(t, err)
	defer c.Close()
	_, err = fmt.Fprintf(c, "GET %s?api-version=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: %s\r\n\r\n",
		path, signed(defaults.Key(), "localhost/devices/dev1", "", time.Hour))
	check(t, err)
	b, err := io.ReadAll(c)
	check(t, err)
	head, body, _ := strings.Cut(string(b), "\r\n\r\n")
	return append(strings.Split(head, "\r\n"), body)
}

// TestSettleOverHTTP settles messages in all ways and spellings.
func TestSettleOverHTTP(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, method, path, ifMatch string // {} stands for the lock token
		want                        string // in the feedback; empty: the message is back
	}{
		{"complete, Node", "DELETE", inbox + "/{}", "{}", "Success"},
		{"complete, C", "DELETE", inbox + "/{}", `"{}"`, "Success"},
		{"complete, az", "DELETE", "/devices/dev1/messages/deviceBound/{}", "", "Success"},
		{"complete, any", "DELETE", inbox + "/{}", "*", "Success"},
		{"reject", "DELETE", inbox + "/{}?reject", "{}", "Rejected"},
		{"reject, az", "DELETE", inbox + "/{}?reject=", "", "Rejected"},
		{"reject, Java", "DELETE", inbox + "/{}?reject=true", "{}", "Rejected"},
		{"abandon", "POST", inbox + "/{}/abandon", "{}", ""},
		{"abandon, C#", "POST", inbox + "/{}/abandon", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, l := newRest(t, localhub.Options{})
			service := backEnd(t, l)
			feedback, err := service.ReceiveFeedback(t.Context())
			check(t, err)
			check(t, service.Send(t.Context(), "dev1", &iothub.Message{ID: "m1", Ack: iothub.AckFull, Body: []byte("hello")}))
			device := r.asDevice("dev1", defaults.Key())
			lock := device.want(200, "GET", inbox, "").lockOf(t)
			device.want(204, "GET", inbox, "") // it is locked
			var headers []string
			if test.ifMatch != "" {
				headers = []string{"If-Match", strings.ReplaceAll(test.ifMatch, "{}", lock)}
			}
			path := strings.ReplaceAll(test.path, "{}", lock)
			device.want(204, test.method, path, "", headers...)
			device.do(test.method, path, "", headers...).wantRefused(t, "again", 412, "DeviceMessageLockLost")
			if test.want == "" {
				a := device.want(200, "GET", inbox, "")
				if a.body != "hello" || a.header.Get("iothub-deliverycount") != "1" || a.lockOf(t) == lock {
					t.Errorf("%v %s, want it a second time, with another lock", a.header, a.body)
				}
				return
			}
			batch, err := feedback.Receive(t.Context())
			check(t, err)
			if got := batch.Records[0]; got.MessageID != "m1" || string(got.Status) != test.want {
				t.Errorf("feedback %+v, want %s", got, test.want)
			}
			device.want(204, "GET", inbox, "")
		})
	}
}

// TestRefusedToDevices checks what else a device is told.
func TestRefusedToDevices(t *testing.T) {
	t.Parallel()
	r, l := newRest(t, localhub.Options{})
	service := backEnd(t, l)
	check(t, service.Send(t.Context(), "dev1", &iothub.Message{ID: "m1"}))
	device := r.asDevice("dev1", defaults.Key())
	lock := device.want(200, "GET", inbox, "").lockOf(t)
	const other = "00000000-0000-0000-0000-000000000000"
	for _, test := range []struct {
		method, path, header, value string
		status                      int
		code                        string
	}{
		{"DELETE", inbox + "/" + lock, "If-Match", other, 412, "PreconditionFailed"},
		{"DELETE", inbox + "/" + other, "", "", 412, "DeviceMessageLockLost"},
		{"DELETE", inbox + "/x", "", "", 412, "DeviceMessageLockLost"},
		{"DELETE", inbox + "/" + lock + "00", "", "", 412, "DeviceMessageLockLost"},
		{"POST", inbox + "/" + other + "/abandon", "", "", 412, "DeviceMessageLockLost"},
		{"POST", inbox + "/" + lock + "/complete", "", "", 404, "GenericNotFound"},
		{"GET", inbox, "IoTHub-MessageLockTimeout", "0", 400, "ArgumentInvalid"},
		{"GET", inbox, "IoTHub-MessageLockTimeout", "301", 400, "ArgumentInvalid"},
		{"GET", inbox, "IoTHub-MessageLockTimeout", "1.5", 400, "ArgumentInvalid"},
		{"GET", inbox + "?iothub-messagelocktimeout=x", "", "", 400, "ArgumentInvalid"},
		{"GET", "/devices/dev2/messages/devicebound", "", "", 401, "IotHubUnauthorizedAccess"},
		{"GET", "/devices/dev1/modules/a%2Fb/messages/devicebound", "", "", 400, "ArgumentInvalid"},
		{"POST", "/devices/dev1/messages/events", "Content-Type", "application/vnd.microsoft.iothub.json", 400, "ArgumentInvalid"},
	} {
		device.do(test.method, test.path, "{}", test.header, test.value).wantRefused(t, test.method+" "+test.path, test.status, test.code)
	}
	device.do("POST", "/devices/dev1/messages/events", strings.Repeat("x", 256<<10+1)).wantRefused(t, "too long", 413, "MessageTooLarge")
	r.asDevice("none", defaults.Key()).do("GET", "/devices/none/messages/devicebound", "").wantRefused(t, "unknown", 404, "DeviceNotFound")
	r.as("").do("GET", inbox, "").wantRefused(t, "no token", 401, "IotHubUnauthorizedAccess")
	device.want(204, "DELETE", inbox+"/"+lock, "") // nothing has happened to it
}

// TestLockTimeout lets locks run out after the time that a device asks for.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, query string
		headers     []string
		want        time.Duration
	}{
		{"none", "", nil, time.Minute},
		{"az", "", []string{"IotHub-MessageLockTimeout", "5"}, 5 * time.Second},
		{"longer than usual", "", []string{"iothub-messagelocktimeout", "300"}, 5 * time.Minute},
		{"C#", "?iothub-messagelocktimeout=1", nil, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := overPipes(t, localhub.Options{})
				r := restOf(t, l, route{}).asDevice("dev1", defaults.Key())
				check(t, backEnd(t, l).Send(t.Context(), "dev1", &iothub.Message{ID: "m1"}))
				lock := r.want(200, "GET", inbox+test.query, "", test.headers...).lockOf(t)
				time.Sleep(test.want - time.Nanosecond)
				r.want(204, "GET", inbox, "")
				time.Sleep(time.Nanosecond)
				a := r.want(200, "GET", inbox, "")
				if a.header.Get("iothub-deliverycount") != "0" {
					t.Errorf("delivery count %s, want 0", a.header.Get("iothub-deliverycount"))
				}
				r.do("DELETE", inbox+"/"+lock, "").wantRefused(t, "late", 412, "DeviceMessageLockLost")
				r.client.CloseIdleConnections()
			})
		})
	}
}

// TestModuleOverHTTP is a module with keys of its own.
func TestModuleOverHTTP(t *testing.T) {
	t.Parallel()
	r, l := newRest(t, localhub.Options{})
	keys := keysOf(t, r.want(200, "PUT", "/devices/dev1/modules/m", `{}`).object(t))
	service := backEnd(t, l)
	check(t, service.Send(t.Context(), "dev1", &iothub.Message{ID: "m1", ModuleID: "m"}))
	const path = "/devices/dev1/modules/m/messages/devicebound"
	r.asDevice("dev1/modules/m", defaults.Key()).do("GET", path, "").wantRefused(t, "the device's key", 401, "IotHubUnauthorizedAccess")
	module := r.asDevice("dev1/modules/m", keys[1])
	module.do("GET", inbox, "").wantRefused(t, "its device's messages", 401, "IotHubUnauthorizedAccess")
	if got := r.want(200, "GET", "/devices/dev1/modules/m", "").object(t)["cloudToDeviceMessageCount"]; got != 1.0 {
		t.Errorf("%v messages, want 1", got)
	}
	lock := module.want(200, "GET", path, "").lockOf(t)
	module.want(204, "DELETE", path+"/"+lock, "")
	module.want(204, "POST", "/devices/dev1/modules/m/messages/events", "hello")
}

// TestHTTPCompetes takes turns with a device's AMQP link: neither displaces the
// other.
func TestHTTPCompetes(t *testing.T) {
	t.Parallel()
	r, l := newRest(t, localhub.Options{})
	service := backEnd(t, l)
	device, err := amqpDevice(t, l, defaults.Key())
	check(t, err)
	receive := func(id string) *iothub.Delivery {
		t.Helper()
		check(t, service.Send(t.Context(), "dev1", &iothub.Message{ID: id}))
		d, err := device.Receive(t.Context())
		check(t, err)
		return d
	}
	d := receive("first")
	if got := r.want(200, "GET", "/devices/dev1", "").object(t)["connectionState"]; got != "Connected" {
		t.Errorf("%v, want Connected", got)
	}
	http := r.asDevice("dev1", defaults.Key())
	http.want(204, "GET", inbox, "") // the link has it
	check(t, d.Abandon(t.Context()))
	d, err = device.Receive(t.Context())
	check(t, err)
	check(t, d.Complete(t.Context()))
	check(t, receive("second").Complete(t.Context()))
}

// TestPollingIsSilent asks for messages that are not there, as the Java SDK does a
// hundred times a second: no line is logged.
func TestPollingIsSilent(t *testing.T) {
	t.Parallel()
	log := new(logBuffer)
	r, l := newRest(t, localhub.Options{Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	device := r.asDevice("dev1", defaults.Key())
	for range 100 {
		device.want(204, "GET", inbox, "")
	}
	device.want(204, "POST", "/devices/dev1/messages/events", "hello")
	device.want(204, "POST", "/devices/dev1/messages/events", `[{"body":"aGVsbG8="},{}]`, "Content-Type", "application/vnd.microsoft.iothub.json")
	l.hub.Close()
	got := log.String()
	if n := strings.Count(got, "\n"); n != 2 || !strings.Contains(got, `msg=telemetry`) || !strings.Contains(got, "messages=2 total=3") {
		t.Errorf("%d lines, want two of telemetry:\n%s", n, got)
	}
}
