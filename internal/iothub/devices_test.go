package iothub_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

func TestDevices(t *testing.T) {
	t.Parallel()
	ids := []string{"$-:.+%_#*?!(),=@'", "one", "two"}
	var devices []localhub.Device
	for _, id := range ids {
		devices = append(devices, localhub.Device{ID: id, Key: defaults.Key()})
	}
	_, address := startHub(t, &localhub.Options{Devices: devices})
	got, err := iothub.Devices(t.Context(), defaults.ServiceString(address), 1000, nil)
	if slices.Sort(got); err != nil || !slices.Equal(got, ids) {
		t.Errorf("got %q, %v, want %q", got, err, ids)
	}
	if got, err := iothub.Devices(t.Context(), defaults.ServiceString(address), 2, nil); err != nil || len(got) != 2 {
		t.Errorf("got %q, %v, want two", got, err)
	}
	cs := defaults.ServiceString(address)
	cs.KeyName = "service" // it may not read the registry
	if _, err := iothub.Devices(t.Context(), cs, 1000, nil); !errors.Is(err, iothub.ErrUnauthorized) {
		t.Errorf("got %v, want %v", err, iothub.ErrUnauthorized)
	}
}

func TestDevicesOfNoHub(t *testing.T) {
	t.Parallel()
	address := serve(t, func(c net.Conn) {
		io.ReadAtLeast(c, make([]byte, 1<<10), 1)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	})
	if _, err := iothub.Devices(t.Context(), defaults.ServiceString(address), 1, nil); err == nil || !strings.Contains(err.Error(), `this is no IoT Hub: it answered "hello"`) {
		t.Errorf("got %v", err)
	}
}
