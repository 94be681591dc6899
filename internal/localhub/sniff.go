package localhub

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// handshakeTimeout is how long a client may take to show what it speaks, TLS
// included.
const handshakeTimeout = 30 * time.Second

// protocol is what a client speaks, with TLS taken off.
type protocol string

// The protocols that are told apart by their first bytes.
const (
	protocolAMQP protocol = "amqp"
	protocolMQTT protocol = "mqtt"
	protocolHTTP protocol = "http"
)

// stream is a client's connection with TLS taken off.
type stream struct {
	net.Conn
	socket       net.Conn // as it was accepted
	tls          bool
	protocol     protocol
	certificates []*x509.Certificate // the client's, its own first; none if it has shown none
}

// transport names what a protocol runs over: AMQP as in the clients' settings,
// and MQTT likewise.
func (s *stream) transport(spoken protocol) string {
	name := string(spoken)
	switch {
	case s.protocol == protocolHTTP && spoken == protocolMQTT:
		name = "mqtt-ws"
	case s.protocol == protocolHTTP:
		name = "ws"
	}
	if s.tls {
		name += "s"
	}
	return name
}

// over names what a client acts over that speaks a protocol of this name.
func (s *stream) over(name string, spoken protocol) broker.Connection {
	return broker.Connection{Protocol: name, Transport: s.transport(spoken), Client: s.socket.RemoteAddr().String()}
}

// unwrap finds out by its first bytes what a client speaks, and takes TLS off.
// The stream is valid, and to be closed, also if it fails.
func (h *Hub) unwrap(c net.Conn) (*stream, error) {
	s := &stream{Conn: c, socket: c}
	abort := context.AfterFunc(h.ctx, func() { _ = c.Close() })
	defer abort()
	if err := c.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return s, err
	}
	start, err := s.look()
	if err == nil && isTLS(start) {
		if err = h.secure(s); err == nil {
			start, err = s.look()
		}
	}
	switch {
	case err != nil:
		return s, err
	case isAMQP(start):
		s.protocol = protocolAMQP
	case isMQTT(start):
		s.protocol = protocolMQTT
	case isHTTP(start):
		s.protocol = protocolHTTP
	default:
		return s, errors.New(foreign(start))
	}
	return s, nil
}

// startLen is how many bytes tell all protocols apart. Every protocol that the
// hub speaks begins with at least as many.
const startLen = 8

// peeked is a connection of which the first bytes have been read ahead.
type peeked struct {
	net.Conn
	ahead *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.ahead.Read(b) }

// look returns the next bytes and leaves them to be read.
func (s *stream) look() ([]byte, error) {
	// The buffer is too small to be in the way later: longer reads pass it by.
	p := &peeked{Conn: s.Conn, ahead: bufio.NewReaderSize(s.Conn, 2*startLen)}
	start, err := p.ahead.Peek(startLen)
	if err != nil {
		hint := ""
		if s.tls && len(start) == 0 {
			hint = distrustHint(err) // some clients look at the certificate only now
		}
		return nil, fmt.Errorf("the client sent %q and no more: %w%s", start, err, hint)
	}
	s.Conn = p
	return bytes.Clone(start), nil
}

// secure does the TLS handshake.
func (h *Hub) secure(s *stream) error {
	config, err := h.tlsConfig()
	if err != nil {
		return fmt.Errorf("make the server certificate: %w", err)
	}
	secured := tls.Server(s.Conn, config)
	if err := secured.HandshakeContext(h.ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w%s", err, distrustHint(err))
	}
	s.Conn, s.tls = secured, true
	s.certificates = secured.ConnectionState().PeerCertificates
	return nil
}

func isAMQP(start []byte) bool { return bytes.HasPrefix(start, []byte("AMQP")) }

// isMQTT recognises a CONNECT packet: its type, one to three bytes of length, and
// the protocol's name, which begins with MQ in all versions (3.1.1 §3.1).
func isMQTT(start []byte) bool { return start[0] == 0x10 && bytes.Contains(start, []byte("MQ")) }

// isTLS recognises a record of type handshake, version 3.x (RFC 8446 §5.1).
func isTLS(start []byte) bool { return start[0] == 0x16 && start[1] == 3 }

func isHTTP(start []byte) bool {
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"} {
		if bytes.HasPrefix(start, []byte(method+" ")) {
			return true
		}
	}
	return false
}

// foreign tells the user what a client seems to speak, of which the hub knows
// nothing.
func foreign(start []byte) string {
	const speaks = "the local hub speaks AMQP 1.0 and MQTT 3.1.1, plain, over TLS or over WebSocket"
	switch {
	case isTLS(start):
		return "this is TLS inside TLS; " + speaks
	case bytes.HasPrefix(start, []byte("PRI * ")):
		return "this is HTTP/2 without TLS; " + speaks
	}
	return fmt.Sprintf("this is neither AMQP, MQTT, TLS nor HTTP: it began with %q; %s", start, speaks)
}

// explainHeader tells the user what a client wants whose header begins like
// AMQP's but is not that of AMQP 1.0 (part 2 §2.2).
func explainHeader(header amqpwire.ProtocolHeader) string {
	version := fmt.Sprintf("%d-%d-%d", header[5], header[6], header[7])
	switch {
	case version == "0-9-1" || header[4] == 1: // protocol id 1: AMQP 0-8 to 0-10
		return "this is AMQP " + version + ", as RabbitMQ's clients speak it; the local hub speaks AMQP 1.0"
	case header[4] == 2:
		return "the client asks for TLS within AMQP; the local hub offers TLS from the first byte"
	}
	return fmt.Sprintf("not AMQP 1.0: it began with %q", header[:])
}
