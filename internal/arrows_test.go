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
// the standard library. A name of this module means that package alone; of
// another, all below it as well.
var allowed = map[string][]string{
	"internal/amqpwire": nil,
	"internal/mqttwire": nil,
	"internal/faultnet": nil,
	"internal/sas":      {"internal/spelling"},
	"internal/spelling": nil,
	"internal/shell":    nil,

	// The server knows AMQP, and no IoT Hub.
	"internal/amqpserver":           {"internal/amqpwire"},
	"internal/amqpserver/rawclient": {"internal/amqpwire"},

	// The hub and the clients share no codec on the data path: a mistake in one
	// shows up as a disagreement with the other. No front end knows another.
	"internal/localhub/defaults": {"internal/sas"},
	"internal/localhub/broker":   nil,
	"internal/localhub/store":    {"internal/localhub/broker", "go.etcd.io/bbolt"},
	"internal/localhub/address":  {"internal/localhub/broker"},
	"internal/localhub/query":    nil,
	"internal/localhub/throttle": nil,
	"internal/localhub/registry": {"internal/localhub/broker", "internal/sas"},
	"internal/localhub/access": { // alone in having the library for JSON Web Tokens
		"internal/localhub/address", "internal/localhub/broker", "internal/localhub/defaults", "internal/localhub/registry", "internal/sas",
		"github.com/golang-jwt/jwt",
	},
	"internal/localhub/amqpfront": {
		"internal/amqpserver", "internal/amqpwire", "internal/localhub/access", "internal/localhub/address", "internal/localhub/broker",
		"internal/localhub/throttle",
	},
	"internal/localhub/httpfront": {
		"internal/localhub/access", "internal/localhub/address", "internal/localhub/broker", "internal/localhub/httpfront/page",
		"internal/localhub/query", "internal/localhub/registry", "internal/localhub/throttle", "internal/sas", "github.com/coder/websocket",
	},
	"internal/localhub/httpfront/page": {"internal/localhub/broker"},
	"internal/localhub/mqttfront": {
		"internal/mqttwire", "internal/localhub/access", "internal/localhub/broker", "internal/localhub/throttle", "internal/sas",
	},
	"internal/localhub/mqttfront/rawclient": {"internal/mqttwire"}, // for tests
	"internal/localhub/broker/naive":        nil,                   // for tests
	"internal/localhub/fault":               {"internal/amqpserver", "internal/amqpwire", "internal/faultnet", "internal/localhub/amqpfront"},
	"internal/localhub": {
		"internal/amqpserver", "internal/amqpwire", "internal/localhub/access", "internal/localhub/amqpfront",
		"internal/localhub/broker", "internal/localhub/fault", "internal/localhub/httpfront", "internal/localhub/mqttfront",
		"internal/localhub/registry", "internal/localhub/store", "internal/localhub/throttle",
	},

	// Of the clients, only the tap has amqpwire, and package value the types of it.
	"internal/iothub/dial":  {"internal/sas", "github.com/coder/websocket"},
	"internal/iothub/value": {"internal/amqpwire"},
	"internal/iothub/tap":   {"internal/amqpwire", "github.com/Azure/go-amqp"},
	"internal/iothub": {
		"internal/iothub/dial", "internal/iothub/tap", "internal/iothub/value", "internal/sas", "github.com/Azure/go-amqp",
	},
	"internal/console": {"internal/iothub", "internal/iothub/value", "internal/sas", "internal/shell", "internal/spelling", "github.com/joho/godotenv", "github.com/spf13"},
	// The sender looks for a local hub, and has none.
	"cmd/send-c2d": {"internal/console", "internal/iothub", "internal/iothub/value", "internal/localhub/defaults", "internal/sas", "github.com/spf13"},
	"cmd/simulated-device": {
		"internal/console", "internal/iothub", "internal/iothub/value", "internal/localhub", "internal/localhub/defaults", "internal/localhub/fault",
		"internal/localhub/throttle", "internal/sas", "internal/shell", "github.com/joho/godotenv", "github.com/spf13",
	},
	"internal/man":     {"internal/console", "github.com/spf13"}, // for tests
	"internal/jwttest": nil,                                      // likewise
	// Likewise. It holds beliefs against any hub, and knows none.
	"internal/conformance": {"internal/amqpwire", "internal/iothub", "internal/mqttwire", "internal/sas", "github.com/coder/websocket"},
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
			below := func(m string) bool { return dep == m || !ours(m) && strings.HasPrefix(dep, m+"/") }
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
	return !ours(path) && !strings.Contains(first, ".")
}

// ours reports whether a package is of this module.
func ours(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return first == "internal" || first == "cmd"
}
