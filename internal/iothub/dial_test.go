package iothub

import (
	"net"
	"testing"

	"iothub-c2d/internal/iothub/auth"
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
		cs, err := auth.ParseConnectionString(tt.cs)
		if err != nil {
			t.Fatal(err)
		}
		if got := (route{cs, Options{Protocol: tt.protocol}}).address(); got != tt.want {
			t.Errorf("address(%s, %s) = %s, want %s", tt.cs, tt.protocol, got, tt.want)
		}
	}
}
