// Package cmd_test runs both binaries as their users do.
package cmd_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// testTimeout is how long a test waits for anything.
const testTimeout = 30 * time.Second

// binaries is where TestMain has built the commands.
var binaries string

func TestMain(m *testing.M) {
	if code, played := playPart(); played {
		os.Exit(code)
	}
	if printToken() {
		os.Exit(0)
	}
	// Scripts wait more than they work. This is the default, not the limit.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "iothub-c2d"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries)
	build := exec.Command("go", append(buildArgs, "-o", binaries, "./...")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the commands: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
