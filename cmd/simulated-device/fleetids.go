package main

import (
	"errors"
	"fmt"
	"strings"
	"text/template"

	"iothub-c2d/internal/console"
)

// defaultTemplate makes the ids of a fleet where none is given.
const defaultTemplate = "device-{{.N}}"

const templateHint = "write it as " + defaultTemplate + ", where {{.N}} is the number of the device, from 0"

// deviceIDs returns the ids that a template makes of the numbers from 0 to n-1.
func deviceIDs(text string, n int) ([]string, error) {
	t, err := template.New("--device-id").Parse(text)
	if err != nil {
		return nil, console.Usage(err, templateHint)
	}
	ids, known := make([]string, n), make(map[string]bool, n)
	for i := range ids {
		var id strings.Builder
		if err := t.Execute(&id, struct{ N int }{i}); err != nil {
			return nil, console.Usage(err, templateHint)
		}
		ids[i] = id.String()
		if err := console.CheckDeviceID(ids[i]); err != nil {
			return nil, fmt.Errorf("--device-id: %w", err)
		}
		if known[ids[i]] {
			return nil, console.Usage(errors.New("--device-id gives two devices the same id"), templateHint)
		}
		known[ids[i]] = true
	}
	return ids, nil
}

// idRange returns the ids of n devices as send-c2d takes them, empty if the template
// is more than a place for the number.
func idRange(text string, n int) string {
	before, after, numbered := strings.Cut(text, "{{.N}}")
	switch {
	case strings.ContainsAny(before+after, "{}"):
		return ""
	case !numbered: // there is one
		return text
	case n == 1:
		return before + "0" + after
	}
	return fmt.Sprintf("'%s{0..%d}%s'", before, n-1, after)
}
