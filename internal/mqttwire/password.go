package mqttwire

import (
	"fmt"
	"io"
)

// Password is a secret: whatever prints it prints a substitute.
type Password []byte

const redacted = "REDACTED"

// Format prints the substitute, whatever the verb.
func (Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns the substitute, for logs and JSON.
func (Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }
