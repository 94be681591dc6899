// Package internal_test keeps the arrows between the packages of this module
// pointing one way.
package internal_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "iothub-c2d/internal/"

// allowed lists what each package may import of this module and of the
// libraries that matter.
var allowed = map[string][]string{
	"amqpwire":    nil,
	"faultnet":    nil,
	"iothub/auth": nil,
	// The hub and the clients share no codec on the data path: a mistake in one
	// shows up as a disagreement with the other.
	"localhub": {"amqpwire", "faultnet", "iothub/auth", "github.com/coder/websocket", "go.etcd.io/bbolt"},
	"iothub":   {"amqpwire", "iothub/auth", "github.com/Azure/go-amqp", "github.com/coder/websocket"},
	"console":  {"iothub", "iothub/auth", "amqpwire", "github.com/Azure/go-amqp", "github.com/coder/websocket", "github.com/joho/godotenv", "github.com/spf13/cobra", "github.com/spf13/pflag"},
}

func TestArrows(t *testing.T) {
	t.Parallel()
	for name, may := range allowed {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "../internal/"+name).Output()
		if err != nil {
			t.Errorf("go list %s: %v", name, err)
			continue
		}
		for _, dep := range strings.Fields(string(out)) {
			dep = strings.TrimPrefix(dep, module)
			ok := slices.ContainsFunc(may, func(m string) bool { return dep == m || strings.Contains(m, ".") && strings.HasPrefix(dep, m+"/") })
			if dep != name && !ok && !indirect(dep) {
				t.Errorf("%s depends on %s", name, dep)
			}
		}
	}
}

// indirect reports libraries that only other libraries import.
func indirect(dep string) bool {
	return slices.ContainsFunc([]string{
		"golang.org/x/", "github.com/cpuguy83/go-md2man", "github.com/russross/blackfriday", "go.yaml.in/yaml",
	}, func(prefix string) bool { return strings.HasPrefix(dep, prefix) })
}
