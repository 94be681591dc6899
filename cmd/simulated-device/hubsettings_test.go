package main

import (
	"net"
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub"
)

// listenerAt is a listener of which only the address counts.
type listenerAt struct {
	net.Listener
	addr net.Addr
}

func (l listenerAt) Addr() net.Addr { return l.addr }

// TestSDKHost checks under which name a hub tells the SDKs to look for it.
func TestSDKHost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		addresses []string
		want      string
	}{
		{"localhost", []string{"127.0.0.1:5672"}, ""},
		{"localhost", []string{"127.0.0.1:5672", "127.0.0.1:5671"}, "127.0.0.1"},
		{"localhost", []string{"127.0.0.1:8883"}, "127.0.0.1"},
		{"localhost", []string{"0.0.0.0:443"}, "127.0.0.1"},
		{"localhost", []string{"[::]:443"}, "127.0.0.1"},
		{"localhost", []string{"[::1]:443"}, ""}, // no SDK takes such a name
		{"localhost", []string{"127.0.0.9:443"}, "127.0.0.9"},
		{"localhost", []string{"127.0.0.9:443", "127.0.0.1:443"}, "127.0.0.9"},
		{"hub.example", []string{"127.0.0.9:443"}, "hub.example"},
		{"hub.example", []string{"127.0.0.1:5672"}, ""},
	} {
		var listeners []net.Listener
		for _, a := range test.addresses {
			addr, err := net.ResolveTCPAddr("tcp", a)
			if err != nil {
				t.Fatal(err)
			}
			listeners = append(listeners, listenerAt{addr: addr})
		}
		if got := sdkHost(&localhub.Options{HostName: test.name}, listeners); got != test.want {
			t.Errorf("%s at %v: %q, want %q", test.name, test.addresses, got, test.want)
		}
	}
	if got := sdkHost(&localhub.Options{}, []net.Listener{listenerAt{addr: &net.UnixAddr{}}}); got != "" {
		t.Errorf("at a Unix socket: %q", got)
	}
}

// TestOwnAddresses wants the addresses at which a hub listens, for its certificate.
func TestOwnAddresses(t *testing.T) {
	t.Parallel()
	listen := []string{"127.0.0.1:5672", "[::1]:0", ":443", "0.0.0.0:0", "localhost:1", "127.0.0.9:5671", "[fd00::1]:5671", "nonsense"}
	if got, want := ownAddresses(listen), []string{"127.0.0.9", "fd00::1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestManySettings wants to be told of the devices that have no settings.
func TestManySettings(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "# Registered as well: 1 device.\n", 2: "# Registered as well: 2 devices.\n"} {
		devices := slices.Repeat([]localhub.Device{{ID: "d"}}, mostListed+n)
		text, err := settingsFor(&localhub.Options{HostName: "localhost", Devices: devices}, "127.0.0.1:5672", "")
		if err != nil || !strings.HasSuffix(text, want) {
			t.Errorf("got %q, %v, want it to end in %q", text[max(0, len(text)-100):], err, want)
		}
	}
}
