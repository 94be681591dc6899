package console

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for a release.
var version string

// Version returns the version of the program, and what it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(version, "unknown")
	}
	text := cmp.Or(version, info.Main.Version, "unknown")
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += ", commit " + s.Value
		}
	}
	return text + ", " + runtime.Version()
}
