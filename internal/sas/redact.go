package sas

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// redacted stands for a secret wherever a value is printed.
const redacted = "REDACTED"

// safe is everything that fmt, log/slog and encoding/json look for before they
// would take a value apart.
type safe interface {
	fmt.Formatter
	fmt.Stringer
	fmt.GoStringer
	slog.LogValuer
	json.Marshaler
}

var (
	_ safe = Key{}
	_ safe = Token{}
	_ safe = ConnectionString{}
)

// hidden keeps a secret out of fmt's reach. In an unexported field of somebody
// else's struct fmt does not ask our methods but prints what it finds; it follows
// one pointer there when the verb does not suit, but never two.
type hidden[T any] struct{ p **T }

func hide[T any](v T) hidden[T] {
	p := &v
	return hidden[T]{&p}
}

func (h hidden[T]) isZero() bool { return h.p == nil }

// get returns the zero value if nothing is hidden.
func (h hidden[T]) get() (v T) {
	if h.p != nil {
		v = **h.p
	}
	return v
}

// String returns REDACTED.
func (k Key) String() string { return redacted }

// GoString returns REDACTED.
func (k Key) GoString() string { return redacted }

// LogValue is REDACTED.
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes "REDACTED".
func (k Key) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// Format writes REDACTED for every verb.
func (k Key) Format(f fmt.State, _ rune) { writeSafe(f, k) }

// String returns the token's fields with REDACTED for the signature, or an
// empty string for the zero Token.
func (t Token) String() string {
	if t.IsZero() {
		return ""
	}
	f := t.fields.get()
	return tokenText(f.sr, redacted, f.se, f.skn)
}

// GoString returns the same as String.
func (t Token) GoString() string { return t.String() }

// LogValue is the same as String.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalJSON writes the same as String.
func (t Token) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// Format writes the same as String, for every verb.
func (t Token) Format(f fmt.State, _ rune) { writeSafe(f, t) }

// String returns the connection string in canonical form, with REDACTED for the
// key and for the signature of a token.
func (c ConnectionString) String() string {
	key := ""
	if !c.Key.IsZero() {
		key = redacted
	}
	return c.join(key, c.Token.String())
}

// GoString returns the same as String.
func (c ConnectionString) GoString() string { return c.String() }

// LogValue is the same as String.
func (c ConnectionString) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes the same as String.
func (c ConnectionString) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// Format writes the same as String, for every verb.
func (c ConnectionString) Format(f fmt.State, _ rune) { writeSafe(f, c) }

// writeSafe ignores verb, flags and width: a quoted or padded secret is not
// worth a second way to print one.
func writeSafe(f fmt.State, s fmt.Stringer) {
	// fmt's own buffer takes it; a Formatter has no way to report an error.
	_, _ = io.WriteString(f, s.String())
}
