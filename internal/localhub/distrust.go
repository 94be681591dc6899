package localhub

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
)

// distrustHint explains the failure that everybody meets first: a client that does
// not trust the hub's certificate. It is empty if err does not look like one.
func distrustHint(err error) string {
	if !mayBeDistrust(err) {
		return ""
	}
	return " (perhaps the client does not trust the hub's CA certificate, which is new at each start and which hub --ca-out writes to a file, or knows the hub by a name that is not in the certificate, which hub --host adds)"
}

// mayBeDistrust reports whether a client that has got the hub's certificate may end
// like this: by an alert or by hanging up, in any way.
func mayBeDistrust(err error) bool {
	var op *net.OpError
	switch {
	case errors.Is(err, net.ErrClosed): // by the hub
		return false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		return true
	case !errors.As(err, &op):
		return false
	}
	switch op.Op {
	case "remote error":
		return !slices.ContainsFunc(otherAlerts, func(alert string) bool { return strings.Contains(op.Err.Error(), alert) })
	case "local error":
		// With TLS 1.3, OpenSSL (curl, Python) encrypts its alert with keys that the
		// server has not got yet.
		return strings.Contains(op.Err.Error(), "bad record MAC")
	}
	return !op.Timeout() // it is the socket's
}

// otherAlerts are what crypto/tls calls the alerts that have another reason than a
// certificate (RFC 8446 §6.2).
var otherAlerts = []string{"protocol version", "insufficient security", "inappropriate fallback", "no application protocol"}
