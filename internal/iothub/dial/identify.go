package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// Listener is what listens at an address.
type Listener struct {
	Accepts  bool   // connections
	Protocol string // "HTTP" or "TLS"; empty: it says nothing to either
}

// questionTimeout is how long a server has for each question.
const questionTimeout = 500 * time.Millisecond

// Identify asks what listens at the address of the route, where no hub answers. It
// makes connections of its own, and tells nothing about us. It asks nothing where
// Open or a proxy leads to the hub.
func (r Route) Identify(ctx context.Context) (l Listener) {
	if r.Open != nil || r.Proxy != nil {
		return l
	}
	questions := []func(context.Context, net.Conn) string{sayNothing}
	if r.Protocol != AMQPWS {
		questions = append(questions, askHTTP)
	}
	if r.Protocol != AMQPWS && r.plain() {
		questions = append(questions, askTLS)
	}
	for _, ask := range questions {
		ctx, cancel := context.WithTimeout(ctx, questionTimeout)
		defer cancel()
		stream, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Address())
		if err != nil {
			return l
		}
		l = Listener{true, ask(ctx, stream)}
		_ = stream.Close() // nothing more is wanted from it
		if l.Protocol != "" {
			break
		}
	}
	return l
}

func sayNothing(context.Context, net.Conn) string { return "" }

// askHTTP returns "HTTP" if the server answers to a request of that protocol.
func askHTTP(ctx context.Context, stream net.Conn) string {
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Now()) })
	defer stop()
	const question, answer = "GET / HTTP/1.0\r\n\r\n", "HTTP/"
	if _, err := io.WriteString(stream, question); err != nil {
		return ""
	}
	start := make([]byte, len(answer))
	if _, err := io.ReadFull(stream, start); err != nil || string(start) != answer {
		return ""
	}
	return "HTTP"
}

// askTLS returns "TLS" if the server begins a handshake, however that ends.
func askTLS(ctx context.Context, stream net.Conn) string {
	client := tls.Client(stream, &tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS12})
	err := client.HandshakeContext(ctx)
	var untrusted *tls.CertificateVerificationError
	var alert tls.AlertError
	var refusal *net.OpError // of the server; its text is the alert
	switch {
	case err == nil, errors.As(err, &untrusted), errors.As(err, &alert), errors.As(err, &refusal) && refusal.Op == "remote error":
		return "TLS"
	}
	return ""
}
