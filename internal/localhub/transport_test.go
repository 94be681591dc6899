package localhub_test

import (
	"errors"
	"testing"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// TestCutOffOnEveryTransport disables and deletes a device that is connected in each
// way that there is: it is told, and cannot come back.
func TestCutOffOnEveryTransport(t *testing.T) {
	t.Parallel()
	for _, way := range routes() {
		for _, test := range []struct {
			name, method, body string
			condition          string
		}{
			{"disabled", "PUT", `{"status":"disabled"}`, "amqp:unauthorized-access"},
			{"deleted", "DELETE", "", "amqp:not-found"},
		} {
			t.Run(way.name+" "+test.name, func(t *testing.T) {
				t.Parallel()
				r, l := newRest(t, localhub.Options{})
				dial := func() (*iothub.Device, error) {
					cs := sas.ConnectionString{HostName: "localhost", DeviceID: "dev1", Key: defaults.Key()}
					return iothub.DialDevice(t.Context(), cs, &iothub.Options{Dial: l.dialer(way)})
				}
				device, err := dial()
				check(t, err)
				defer device.Close(t.Context())
				r.do(test.method, "/devices/dev1", test.body, "If-Match", "*")
				var refused *iothub.HubError
				if _, err := device.Receive(t.Context()); !errors.As(err, &refused) || refused.Condition != test.condition {
					t.Errorf("the device hears %v, want %s", err, test.condition)
				}
				if _, err := dial(); !errors.As(err, &refused) {
					t.Errorf("when it comes back it hears %v", err)
				}
			})
		}
	}
}
