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
	cs := defaults.ServiceString(address)
	list, err := iothub.Devices(t.Context(), cs, iothub.MostDevices, nil)
	var got []string
	for _, d := range list {
		got = append(got, d.ID)
	}
	if slices.Sort(got); err != nil || !slices.Equal(got, ids) {
		t.Errorf("got %q, %v, want %q", got, err, ids)
	}
	if got, err := iothub.Devices(t.Context(), cs, 2, nil); err != nil || len(got) != 2 {
		t.Errorf("got %v, %v, want two", got, err)
	}
	for _, id := range ids {
		if d, err := iothub.ReadDevice(t.Context(), cs, id, nil); err != nil || d.ID != id {
			t.Errorf("%s: got %v, %v", id, d, err)
		}
	}
	cs.KeyName = "service" // it may not read the registry
	if _, err := iothub.Devices(t.Context(), cs, iothub.MostDevices, nil); !errors.Is(err, iothub.ErrUnauthorized) {
		t.Errorf("got %v, want %v", err, iothub.ErrUnauthorized)
	}
	if _, err := iothub.ReadDevice(t.Context(), cs, "one", nil); !errors.Is(err, iothub.ErrUnauthorized) {
		t.Errorf("got %v, want %v", err, iothub.ErrUnauthorized)
	}
}

func TestReadDevice(t *testing.T) {
	t.Parallel()
	_, address := startHub(t, nil)
	queue(t, address, "dev1", 2)
	cs := defaults.ServiceString(address)
	want := iothub.DeviceState{ID: "dev1", Messages: 2, Status: "enabled", Connection: "Disconnected"}
	if got, err := iothub.ReadDevice(t.Context(), cs, "dev1", nil); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := iothub.ReadDevice(t.Context(), cs, "nobody", nil); !errors.Is(err, iothub.ErrNotFound) {
		t.Errorf("got %v, want %v", err, iothub.ErrNotFound)
	}
}

func TestDevicesOfNoHub(t *testing.T) {
	t.Parallel()
	address := serve(t, func(c net.Conn) {
		io.ReadAtLeast(c, make([]byte, 1<<10), 1)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	})
	const want = `this is no IoT Hub: it answered "hello"`
	cs := defaults.ServiceString(address)
	if _, err := iothub.Devices(t.Context(), cs, 1, nil); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if _, err := iothub.ReadDevice(t.Context(), cs, "one", nil); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}
