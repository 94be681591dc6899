package amqpserver

import (
	"strings"

	"iothub-c2d/internal/amqpwire"
)

// What the log repeats of a client's text, in bytes.
const (
	maxLogName   = 128
	maxLogReason = 1 << 10
)

// brief returns a client's name for something, for the log.
func brief(name string) string { return cut(name, maxLogName) }

// explain returns the human part of an error of ours, which may quote the client,
// for the log.
func (c *Conn) explain(e *amqpwire.Error) string { return cut(c.options.Explain(e), maxLogReason) }

// briefError returns a client's error, for the log.
func briefError(e *amqpwire.Error) *amqpwire.Error {
	return &amqpwire.Error{
		Condition:   amqpwire.Symbol(brief(string(e.Condition))),
		Description: cut(e.Description, maxLogReason),
	}
}

// cut returns at most about n bytes of a text, in memory of their own if that
// is not all of it.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}
