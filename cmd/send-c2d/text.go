package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// checkText refuses text that AMQP has no form for, at which a hub ends the
// connection, and the next: its strings are UTF-8, and its symbols, which the
// type and the encoding of the content are sent as, are ASCII.
func checkText(m *iothub.Message) error {
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
			return noText(f.name)
		case f.symbol && strings.ContainsFunc(f.text, isNotASCII):
			return console.Usage(fmt.Errorf("the %s %q is not ASCII", f.name, f.text), "other characters go into a property, or the body")
		}
	}
	for _, name := range m.PropertyNames() {
		if !utf8.ValidString(name + m.Properties[name]) {
			return noText("property " + name)
		}
	}
	return nil
}

func isNotASCII(r rune) bool { return r > unicode.MaxASCII }

func noText(name string) error {
	return console.Usage(fmt.Errorf("the %s is not UTF-8", name), "bytes that are no text go into the body")
}
