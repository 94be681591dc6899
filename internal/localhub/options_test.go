package localhub

import "testing"

// TestHostNameWithPort checks that a port in the hub's name is no part of it.
func TestHostNameWithPort(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"hub.example", "hub.example:5671"} {
		if got := (&Options{HostName: name}).withDefaults().HostName; got != "hub.example" {
			t.Errorf("hub %s is called %s, want hub.example", name, got)
		}
	}
}
