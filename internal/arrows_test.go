// Package internal_test keeps the arrows between the packages of this module
// pointing one way.
package internal_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "iothub-c2d/"

// allowed lists what each package may import of this module, and of others than
// the standard library: itself, or what is below it.
var allowed = map[string][]string{
	"internal/amqpwire": nil,
	"internal/faultnet": nil,
	"internal/sas":      nil,
	// The hub and the clients share no codec on the data path: a mistake in one
	// shows up as a disagreement with the other. The clients have amqpwire for the
	// tap and the trace only.
	"internal/localhub/defaults": {"internal/sas"},
	"internal/localhub":          {"internal/localhub/defaults", "internal/amqpwire", "internal/faultnet", "internal/sas", "github.com/coder/websocket", "go.etcd.io/bbolt"},
	"internal/iothub":            {"internal/amqpwire", "internal/sas", "github.com/Azure/go-amqp", "github.com/coder/websocket"},
	"internal/console":           {"internal/iothub", "internal/sas", "github.com/joho/godotenv", "github.com/spf13"},
	"cmd/send-c2d":               {"internal/console", "internal/iothub", "internal/sas", "internal/localhub/defaults", "github.com/spf13"},
	"cmd/simulated-device": {
		"internal/console", "internal/iothub", "internal/sas", "internal/localhub", "github.com/joho/godotenv", "github.com/spf13",
	},
	"internal/man": {"github.com/spf13"}, // for tests
	// These two are tests only.
	"cmd":      nil,
	"internal": nil,
}

func TestArrows(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(strings.ReplaceAll(line, module, ""))
		name := fields[0]
		may, known := allowed[name]
		if !known {
			t.Errorf("%s: say what it may import", name)
		}
		for _, dep := range fields[1:] {
			below := func(m string) bool { return dep == m || strings.HasPrefix(dep, m+"/") }
			if !standard(dep) && !slices.ContainsFunc(may, below) {
				t.Errorf("%s imports %s", name, dep)
			}
		}
	}
}

// standard reports whether a package is of the standard library, whose paths do
// not begin with the name of a host.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return first != "internal" && first != "cmd" && !strings.Contains(first, ".")
}
