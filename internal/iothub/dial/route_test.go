package dial

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"

	"iothub-c2d/internal/sas"
)

func TestCheckLoopback(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ip string
		ok bool
	}{
		{"127.0.0.1", true},
		{"127.3.2.1", true},
		{"::1", true},
		{"::ffff:127.0.0.1", true},
		{"10.0.0.1", false},
		{"0.0.0.0", false},
		{"::ffff:10.0.0.1", false},
		{"fe80::1", false},
	}
	for _, tt := range tests {
		err := checkLoopback(&net.TCPAddr{IP: net.ParseIP(tt.ip), Port: 5672})
		if got := err == nil; got != tt.ok {
			t.Errorf("checkLoopback(%s) = %v, want ok %v", tt.ip, err, tt.ok)
		}
	}
}

func TestRouteAddress(t *testing.T) {
	t.Parallel()
	const rest = ";SharedAccessKeyName=service;SharedAccessKey=a2V5"
	tests := []struct {
		cs       string
		protocol Protocol
		want     string
	}{
		{"HostName=h.azure-devices.net" + rest, AMQP, "h.azure-devices.net:5671"},
		{"HostName=h.azure-devices.net" + rest, AMQPWS, "h.azure-devices.net:443"},
		{"HostName=h:15671" + rest, AMQP, "h:15671"},
		{"HostName=h:15671" + rest, AMQPWS, "h:15671"},
		{"HostName=localhost;UseDevelopmentEmulator=true" + rest, AMQP, "localhost:5672"},
		{"HostName=localhost;UseDevelopmentEmulator=true" + rest, AMQPWS, "localhost:5672"},
		{"HostName=[::1]:99;UseDevelopmentEmulator=true" + rest, AMQP, "[::1]:99"},
		{"HostName=h.azure-devices.net;GatewayHostName=edge" + rest, AMQP, "edge:5671"},
	}
	for _, tt := range tests {
		cs, err := sas.ParseConnectionString(tt.cs)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Route{Hub: cs, Protocol: tt.protocol}).Address(); got != tt.want {
			t.Errorf("address(%s, %s) = %s, want %s", tt.cs, tt.protocol, got, tt.want)
		}
	}
}

// TestTLS wants what IoT Hub needs in a TLS configuration, whatever its base.
func TestTLS(t *testing.T) {
	t.Parallel()
	cs, err := sas.ParseConnectionString("HostName=h:15671;SharedAccessKeyName=service;SharedAccessKey=a2V5")
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []*tls.Config{nil, {MinVersion: tls.VersionTLS13}} {
		got := Route{Hub: cs, TLS: base}.tls()
		if got.ServerName != "h" || got.Renegotiation != tls.RenegotiateOnceAsClient || !got.DynamicRecordSizingDisabled || got.MinVersion < tls.VersionTLS12 {
			t.Errorf("server name %q, renegotiation %v, small records %t, version from %x", got.ServerName, got.Renegotiation, !got.DynamicRecordSizingDisabled, got.MinVersion)
		}
	}
}

// TestUnknownProtocol wants a word that names no protocol not to mean the
// default.
func TestUnknownProtocol(t *testing.T) {
	t.Parallel()
	_, err := Route{Hub: sas.ConnectionString{HostName: "localhost"}, Protocol: "mqtt"}.Dial(t.Context())
	if err == nil || !strings.Contains(err.Error(), `no protocol "mqtt"`) || !errors.Is(err, ErrSettings) {
		t.Errorf("dial = %v, want that there is no such protocol", err)
	}
}

// TestPlainStaysHere wants no connection to another machine without TLS,
// whatever a name resolves to.
func TestPlainStaysHere(t *testing.T) {
	t.Parallel()
	address := elsewhere(t)
	r := Route{Hub: sas.ConnectionString{HostName: address, UseDevelopmentEmulator: true}}
	if c, err := r.dialTCP(t.Context(), address); err == nil || !strings.Contains(err.Error(), "not a loopback address") {
		t.Errorf("dialTCP(%s) = %v, %v, want a refusal", address, c, err)
	}
}

// elsewhere listens at an address of this machine that others could have.
func elsewhere(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			l, err := net.Listen("tcp", net.JoinHostPort(n.IP.String(), "0"))
			if err != nil {
				continue
			}
			t.Cleanup(func() { l.Close() })
			return l.Addr().String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}
