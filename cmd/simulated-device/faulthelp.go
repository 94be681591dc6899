package main

import (
	"fmt"
	"strings"

	"iothub-c2d/internal/localhub/fault"
)

// faultHelp says what --fault takes.
func faultHelp() string {
	var b strings.Builder
	b.WriteString(`--fault takes a list with commas of NAME[=VALUE][:WHEN], and seed=N for chance. WHEN
is first=N or every=N (opportunities), after=N (on each connection) or P%; without
it a fault strikes at each opportunity. The faults, and what they strike at:

`)
	for _, k := range fault.Kinds() {
		name, effect := string(k.Name), k.Effect
		if k.Value != "" {
			name += "[=" + k.Value + "]"
			effect += " (" + k.Default + ")"
		}
		fmt.Fprintf(&b, "  %-26sat %s: %s\n", name, k.Strikes, effect)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
