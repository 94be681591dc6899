package main

import (
	"strings"
	"testing"

	"iothub-c2d/internal/console"
)

// TestAddressOfNoHub: an address where nobody can listen is a usage error. (Which
// those are differs between machines, but for this.)
func TestAddressOfNoHub(t *testing.T) {
	t.Parallel()
	var errs strings.Builder
	c := &console.Console{Name: "simulated-device", Err: &errs}
	_, err := startHub(t.Context(), c, "127.0.0.1:99999", publicDevices([]string{"d"}))
	if err == nil || console.Code(err) != console.ExitUsage {
		t.Fatalf("got %v, want a usage error", err)
	}
	c.Report(err)
	if want := "hint: --local takes HOST:PORT of this machine, such as 127.0.0.1:5672\n"; !strings.Contains(errs.String(), want) {
		t.Errorf("got %q, want %q", errs.String(), want)
	}
}
