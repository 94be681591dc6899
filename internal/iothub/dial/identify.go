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

// Listener is what listens at an address.
type Listener int

// The listeners.
const (
	Nobody  Listener = iota
	Silence          // it accepts connections, and does not answer
	Hub              // an IoT hub: it is only slow
	HTTPServer
	TLSServer
)

// questionTimeout is how long a server has for each question.
const questionTimeout = 500 * time.Millisecond

// Identify asks what listens at the address of the route, where no hub answers. It
// makes connections of its own, and tells nothing about us. ended says that the
// server has ended a connection without a word, as one for TLS does. It asks nobody
// where Open or a proxy leads to the hub.
func (r Route) Identify(ctx context.Context, ended bool) Listener {
	if r.Open != nil || r.Proxy != nil {
		return Nobody
	}
	questions := []func(context.Context, net.Conn) Listener{sayNothing}
	if r.Protocol != AMQPWS {
		questions = append(questions, r.askHTTP)
	}
	if r.Protocol != AMQPWS && r.plain() && ended {
		questions = append(questions, askTLS)
	}
	answer := Nobody
	for _, ask := range questions {
		if answer = r.ask(ctx, ask); answer != Silence {
			break
		}
	}
	return answer
}

// ask asks a question on a new connection.
func (r Route) ask(ctx context.Context, question func(context.Context, net.Conn) Listener) Listener {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	stream, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Address())
	if err != nil {
		return Nobody
	}
	defer stream.Close() //nolint:errcheck // nothing more is wanted from it
	return question(ctx, stream)
}

func sayNothing(context.Context, net.Conn) Listener { return Silence }

// errorCodeHeader is in every refusal by a hub's REST API. Source: the Node SDK.
const errorCodeHeader = "iothub-errorcode"

// askHTTP asks for a device without showing a token. A hub refuses that in its own
// way. The local hub has HTTP at the address of AMQP.
func (r Route) askHTTP(ctx context.Context, stream net.Conn) Listener {
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Now()) })
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Address()+"/devices/none?api-version=2021-04-12", http.NoBody)
	if err != nil || request.Write(stream) != nil {
		return Silence
	}
	const maxHeader = 16 << 10
	response, err := http.ReadResponse(bufio.NewReader(io.LimitReader(stream, maxHeader)), request)
	if err != nil {
		return Silence
	}
	_ = response.Body.Close() // nothing in it is of use
	if response.Header.Get(errorCodeHeader) != "" {
		return Hub
	}
	return HTTPServer
}

// askTLS finds out whether the server begins a handshake, however that ends.
func askTLS(ctx context.Context, stream net.Conn) Listener {
	client := tls.Client(stream, &tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS12})
	err := client.HandshakeContext(ctx)
	var untrusted *tls.CertificateVerificationError
	var alert tls.AlertError
	var refusal *net.OpError // of the server; its text is the alert
	switch {
	case err == nil, errors.As(err, &untrusted), errors.As(err, &alert), errors.As(err, &refusal) && refusal.Op == "remote error":
		return TLSServer
	}
	return Silence
}
