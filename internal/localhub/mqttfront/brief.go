package mqttfront

import "strings"

// What the log repeats of a client's text, in bytes.
const (
	maxLogName   = 128
	maxLogReason = 1 << 10
)

// cut returns at most about n bytes of a text, in memory of their own if that
// is not all of it.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}
