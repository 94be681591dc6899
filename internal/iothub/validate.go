package iothub

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Validate returns an error, which is [ErrInvalidMessage], if AMQP has no form
// for the text in m: its strings are UTF-8, and its symbols, which the type and
// the encoding of the content are sent as, are ASCII (AMQP 1.0 part 1 §1.6). The
// AMQP library would give up the connection over it, and over the next.
func (m *Message) Validate() error {
	for _, f := range []struct {
		name, text string
		symbol     bool
	}{
		{"message id", m.ID, false},
		{"correlation id", m.CorrelationID, false},
		{"user id", m.UserID, false},
		{"content type", m.ContentType, true},
		{"content encoding", m.ContentEncoding, true},
	} {
		switch {
		case !utf8.ValidString(f.text):
			return fmt.Errorf("%w: the %s is not UTF-8", ErrInvalidMessage, f.name)
		case f.symbol && strings.ContainsFunc(f.text, isNotASCII):
			return fmt.Errorf("%w: the %s %q is not ASCII", ErrInvalidMessage, f.name, f.text)
		}
	}
	for _, name := range m.PropertyNames() {
		if !utf8.ValidString(name + m.Properties[name]) {
			return fmt.Errorf("%w: the property %q is not UTF-8", ErrInvalidMessage, name)
		}
	}
	return nil
}

func isNotASCII(r rune) bool { return r > unicode.MaxASCII }
