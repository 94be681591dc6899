package dial

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Listener is what listens at an address. The zero value means nobody, or just what
// should be there.
type Listener struct {
	Accepts  bool   // connections
	Protocol string // "HTTP" or "TLS"; empty: it says nothing to either
}

// questionTimeout is how long a server has for each question.
const questionTimeout = 500 * time.Millisecond

// Identify asks what listens at the address of the route, where no hub answers in
// time. It makes connections of its own, and tells nothing about us. The first
// question is what a hub would answer: a slow one is a hub all the same, whatever
// else it speaks at that address. Nothing is asked where Open or a proxy leads to the
// hub.
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
	if expected := r.expected(); expected != nil {
		questions = append([]func(context.Context, net.Conn) string{expected}, questions...)
	}
	for _, question := range questions {
		ctx, cancel := context.WithTimeout(ctx, questionTimeout)
		defer cancel()
		stream, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Address())
		if err != nil {
			return l
		}
		l = Listener{true, question(ctx, stream)}
		_ = stream.Close() // nothing more is wanted from it
		switch l.Protocol {
		case "":
		case asExpected:
			return Listener{}
		default:
			return l
		}
	}
	return l
}

// asExpected stands for the protocol of the route.
const asExpected = "as expected"

// expected returns the question that a hub answers, nil if there is none.
func (r Route) expected() func(context.Context, net.Conn) string {
	switch {
	case !r.plain():
		return func(ctx context.Context, stream net.Conn) string {
			if askTLS(ctx, stream) == "" {
				return ""
			}
			return asExpected
		}
	case r.Protocol != AMQPWS:
		return askAMQP
	}
	return nil
}

func sayNothing(context.Context, net.Conn) string { return "" }

// errorCodeHeader is in every refusal by a hub's REST API. Source: the Node SDK.
const errorCodeHeader = "iothub-errorcode"

// askHTTP returns "HTTP" if the server answers to a request of that protocol. A local
// hub does so as well, in a way of its own: it is as expected, and only slow.
func askHTTP(ctx context.Context, stream net.Conn) string {
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Now()) })
	defer stop()
	if _, err := io.WriteString(stream, "GET /devices/none?api-version=2021-04-12 HTTP/1.0\r\n\r\n"); err != nil {
		return ""
	}
	const maxHeader = 16 << 10
	response, err := http.ReadResponse(bufio.NewReader(io.LimitReader(stream, maxHeader)), nil)
	if err != nil {
		return ""
	}
	_ = response.Body.Close() // nothing in it is of use
	if response.Header.Get(errorCodeHeader) != "" {
		return asExpected
	}
	return "HTTP"
}

// askAMQP finds out whether the server answers to the protocol header (AMQP 1.0 part 2
// §2.2).
func askAMQP(ctx context.Context, stream net.Conn) string {
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Now()) })
	defer stop()
	if _, err := io.WriteString(stream, "AMQP\x00\x01\x00\x00"); err != nil {
		return ""
	}
	start := make([]byte, len("AMQP"))
	if _, err := io.ReadFull(stream, start); err != nil || string(start) != "AMQP" {
		return ""
	}
	return asExpected
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
