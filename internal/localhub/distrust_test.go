package localhub_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub"
)

// logOf returns what a hub logs of one client, which is served over a socket until
// the hub is done with it.
func logOf(t *testing.T, client func(t *testing.T, c *net.TCPConn)) string {
	t.Helper()
	var log logBuffer
	hub := newHub(t, localhub.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	defer hub.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	check(t, err)
	server, err := l.Accept()
	check(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		hub.ServeConn(server)
	}()
	client(t, c.(*net.TCPConn))
	_ = c.Close()
	<-served
	return log.String()
}

// clientHello is the first record of a client.
func clientHello(t *testing.T, config *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Client(far, config).Handshake()
	}()
	header := make([]byte, 5)
	_, err := io.ReadFull(near, header)
	check(t, err)
	record := make([]byte, binary.BigEndian.Uint16(header[3:]))
	_, err = io.ReadFull(near, record)
	check(t, err)
	_ = near.Close()
	<-done
	return append(header, record...)
}

// TestDistrustIsExplained checks the log of clients that do not trust the CA. Each
// ends in its own way.
func TestDistrustIsExplained(t *testing.T) {
	t.Parallel()
	distrusts := func(version uint16) func(*testing.T, *net.TCPConn) {
		return func(t *testing.T, c *net.TCPConn) {
			config := &tls.Config{ServerName: "localhost", RootCAs: x509.NewCertPool(), MaxVersion: version}
			if err := tls.Client(c, config).Handshake(); err == nil {
				t.Error("an unknown CA was trusted")
			}
		}
	}
	secured := func(t *testing.T, c *net.TCPConn) *tls.Conn {
		s := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		check(t, s.Handshake())
		return s
	}
	// answered begins a handshake, and reads some of the hub's answer.
	answered := func(t *testing.T, c *net.TCPConn, config *tls.Config) {
		_, err := c.Write(clientHello(t, config))
		check(t, err)
		_, err = io.ReadFull(c, make([]byte, 100))
		check(t, err)
	}
	config := &tls.Config{InsecureSkipVerify: true}
	for _, test := range []struct {
		name      string
		client    func(*testing.T, *net.TCPConn)
		explained bool
	}{
		{"an alert of TLS 1.2", distrusts(tls.VersionTLS12), true},
		{"an alert of TLS 1.3", distrusts(tls.VersionTLS13), true},
		{"an alert that cannot be read", func(t *testing.T, c *net.TCPConn) { // as OpenSSL's
			answered(t, c, config)
			_, err := c.Write(append([]byte("\x17\x03\x03\x00\x13"), make([]byte, 19)...))
			check(t, err)
			_, _ = io.Copy(io.Discard, c)
		}, true},
		{"a hang-up in the handshake", func(t *testing.T, c *net.TCPConn) {
			answered(t, c, config)
			check(t, c.CloseWrite())
			_, _ = io.Copy(io.Discard, c)
		}, true},
		{"a hang-up in a record", func(t *testing.T, c *net.TCPConn) {
			answered(t, c, config)
			_, err := c.Write([]byte("\x17\x03\x03"))
			check(t, err)
			check(t, c.CloseWrite())
			_, _ = io.Copy(io.Discard, c)
		}, true},
		{"a reset in the handshake", func(t *testing.T, c *net.TCPConn) {
			answered(t, c, config)
			check(t, c.SetLinger(0))
		}, true},
		{"a hang-up after the handshake", func(t *testing.T, c *net.TCPConn) { _ = secured(t, c).Close() }, true}, // as Node's
		{"a hang-up after the handshake without a word", func(t *testing.T, c *net.TCPConn) {
			secured(t, c)
			check(t, c.CloseWrite())
			_, _ = io.Copy(io.Discard, c)
		}, true},
		{"a reset after the handshake", func(t *testing.T, c *net.TCPConn) {
			secured(t, c)
			check(t, c.SetLinger(0))
		}, true},

		{"a version that is too old", func(t *testing.T, c *net.TCPConn) {
			_ = tls.Client(c, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}).Handshake()
		}, false},
		{"an alert about the version", func(t *testing.T, c *net.TCPConn) {
			answered(t, c, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
			_, err := io.WriteString(c, "\x15\x03\x03\x00\x02\x02\x46")
			check(t, err)
			_, _ = io.Copy(io.Discard, c)
		}, false},
		{"no TLS after all", func(t *testing.T, c *net.TCPConn) {
			_, err := io.WriteString(c, "\x16\x03\x01\x00\x05hello")
			check(t, err)
			_, _ = io.Copy(io.Discard, c)
		}, false},
		{"a hang-up in the next header", func(t *testing.T, c *net.TCPConn) {
			s := secured(t, c)
			_, err := io.WriteString(s, "AMQ")
			check(t, err)
			_ = s.Close()
		}, false},
		{"a hang-up without TLS", func(t *testing.T, c *net.TCPConn) { check(t, c.CloseWrite()) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log := logOf(t, test.client)
			explained := strings.Contains(log, "does not trust the hub's CA certificate") && strings.Contains(log, "--ca-out")
			if explained != test.explained || !strings.Contains(log, "connection refused") {
				t.Errorf("log = %q, want it explained: %v", log, test.explained)
			}
		})
	}
}
