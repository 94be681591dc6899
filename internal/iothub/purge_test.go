package iothub_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

// TestPurge empties a queue, over every transport that a service has.
func TestPurge(t *testing.T) {
	t.Parallel()
	for _, w := range transports() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			hub, address := startHub(t, nil)
			cs, options := w.service(t, hub, address)
			queue(t, address, "dev1", 2)
			for _, want := range []int{2, 0} {
				if n, err := iothub.Purge(t.Context(), cs, "dev1", options); n != want || err != nil {
					t.Errorf("purged %d, %v, want %d", n, err, want)
				}
			}
		})
	}
}

// queue sends n messages to a device that does not listen.
func queue(t *testing.T, address, device string, n int) {
	t.Helper()
	service, err := iothub.DialService(t.Context(), serviceString(t, address), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close(t.Context())
	for range n {
		if err := service.Send(t.Context(), device, &iothub.Message{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPurgeOddIDs purges the queues of devices whose ids need encoding.
func TestPurgeOddIDs(t *testing.T) {
	t.Parallel()
	ids := []string{"a%41", "a#b?c", "a/b", "..", "käse", "$-:.+%_#*?!(),=@'"}
	var devices []localhub.Device
	for _, id := range ids {
		devices = append(devices, localhub.Device{ID: id, Key: defaults.Key()})
	}
	_, address := startHub(t, &localhub.Options{Devices: devices})
	for _, id := range ids {
		queue(t, address, id, 1)
		if n, err := iothub.Purge(t.Context(), serviceString(t, address), id, nil); n != 1 || err != nil {
			t.Errorf("%s: purged %d, %v, want 1", id, n, err)
		}
	}
}

func TestPurgeRefused(t *testing.T) {
	t.Parallel()
	_, address := startHub(t, nil)
	for _, test := range []struct {
		name, policy, key, device string
		want                      error
		text                      string
	}{
		{"wrong key", "service", "d3Jvbmc=", "dev1", iothub.ErrUnauthorized, "the hub answered 401 Unauthorized: The token for"},
		{"policy of devices", "device", defaults.Key().Base64(), "dev1", iothub.ErrUnauthorized, "does not permit"},
		{"unknown device", "service", defaults.Key().Base64(), "nobody", iothub.ErrNotFound, "the hub answered 404 Not Found: Device nobody"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cs := parse(t, "HostName="+address+";UseDevelopmentEmulator=true;SharedAccessKeyName="+test.policy+";SharedAccessKey="+test.key)
			_, err := iothub.Purge(t.Context(), cs, test.device, nil)
			var refused *iothub.HubError
			if !errors.Is(err, test.want) || !errors.As(err, &refused) || refused.TrackingID == "" || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error = %v, want %v with a tracking id and %q", err, test.want, test.text)
			}
		})
	}
}

// TestPurgeOddAnswers plays servers that are not the local hub.
func TestPurgeOddAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, answer, want string }{
		{
			"newer hub", "HTTP/1.1 400 Bad Request\r\n\r\n" + `{"Message":"{\"errorCode\":400030,\"message\":\"odd\",\"trackingId\":\"t\"}","ExceptionMessage":""}`,
			"the hub answered 400 Bad Request (400030): odd",
		},
		{
			"older hub", "HTTP/1.1 409 Conflict\r\n\r\n" + `{"Message":"ErrorCode:DeviceAlreadyExists;Conflict","ExceptionMessage":"Tracking ID:t"}`,
			"the hub answered 409 Conflict: Conflict",
		},
		{"no reason", "HTTP/1.1 503 Service Unavailable\r\n\r\nbusy", "the hub answered 503 Service Unavailable"},
		{"redirect", "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "the hub answered 307 Temporary Redirect"},
		{"web server", "HTTP/1.1 200 OK\r\n\r\n<!DOCTYPE html>", `this is no IoT Hub: it answered "<!DOCTYPE html>"`},
		{"web server without the page", "HTTP/1.1 404 Not Found\r\n\r\n<html>Sorry", `this is no IoT Hub: it answered "<html>Sorry"`},
		{"no count", "HTTP/1.1 200 OK\r\n\r\n{}", `this is no IoT Hub: it answered "{}"`},
		{"endless", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat(" ", 1<<20), "this is no IoT Hub"},
		{"torn", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "read the hub's answer: unexpected EOF"},
		{"nothing", "", "EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := serve(t, func(c net.Conn) {
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.WriteString(c, test.answer)
				}
			})
			_, err := iothub.Purge(t.Context(), serviceString(t, address), "dev1", nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want %q", err, test.want)
			}
		})
	}
}

// TestPurgeTimeout checks that a silent server costs no more than the time to
// connect.
func TestPurgeTimeout(t *testing.T) {
	t.Parallel()
	address := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	_, err := iothub.Purge(t.Context(), serviceString(t, address), "dev1", &iothub.Options{ConnectTimeout: 50 * time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want %v", err, context.DeadlineExceeded)
	}
}
