package sas_test

import (
	"testing"

	"iothub-c2d/internal/sas"
)

func TestHostName(t *testing.T) {
	t.Parallel()
	const (
		notAName = "connection string: HostName is not a host name (such as myhub.azure-devices.net, with no scheme or path)"
		notIPv6  = "connection string: HostName is not a valid IPv6 address"
		badPort  = "connection string: HostName has no valid port (1 to 65535)"
	)
	tests := []struct{ hostName, host, port, wantErr string }{
		{"myhub.azure-devices.net", "myhub.azure-devices.net", "", ""},
		{"localhost", "localhost", "", ""},
		{"My_Hub.localhost:10671", "My_Hub.localhost", "10671", ""},
		{"127.0.0.1:1", "127.0.0.1", "1", ""},
		{"h:65535", "h", "65535", ""},
		{"[::1]", "::1", "", ""},
		{"[::1]:5672", "::1", "5672", ""},
		{"[::ffff:127.0.0.1]:5672", "::ffff:127.0.0.1", "5672", ""},

		{"https://h", "", "", notAName},
		{"amqps://h:5671", "", "", notAName},
		{"h/devices", "", "", notAName},
		{"h,i", "", "", notAName},
		{"user@h", "", "", notAName},
		{"h:", "", "", notAName},
		{":5671", "", "", notAName},
		{"h:port", "", "", notAName},
		{"h:1:2", "", "", notAName},
		{"h:123456", "", "", notAName},
		{"::1", "", "", notAName},
		{"[::1", "", "", notAName},
		{"[::1]5672", "", "", notAName},
		{"[fe80::1%eth0]", "", "", notAName},
		{"a..b", "", "", notAName},
		{".localhost", "", "", notAName},
		{"localhost.", "", "", notAName},
		{"h h", "", "", notAName},
		{"hüb", "", "", notAName},
		{"[1.2.3.4]", "", "", notIPv6},
		{"[:::]", "", "", notIPv6},
		{"h:0", "", "", badPort},
		{"h:65536", "", "", badPort},
	}
	for _, tt := range tests {
		t.Run(tt.hostName, func(t *testing.T) {
			t.Parallel()
			c, err := sas.ParseConnectionString("HostName=" + tt.hostName + ";DeviceId=d;x509=true")
			if got := errText(err); got != tt.wantErr {
				t.Fatalf("error %q\n want %q", got, tt.wantErr)
			}
			if got, want := sas.ValidHost(tt.hostName), tt.wantErr == ""; got != want {
				t.Errorf("ValidHost = %v, want %v", got, want)
			}
			host, port := c.Endpoint()
			if host != tt.host || port != tt.port || c.Host() != tt.host {
				t.Errorf("Host = %q, Endpoint = %q, %q; want %q, %q", c.Host(), host, port, tt.host, tt.port)
			}
		})
	}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	c, err := sas.ParseDevice("HostName=hub:1;GatewayHostName=edge:2;DeviceId=d;ModuleId=m;x509=true")
	if err != nil {
		t.Fatal(err)
	}
	if host, port := c.Endpoint(); host != "edge" || port != "2" {
		t.Errorf("Endpoint = %q, %q, want the gateway", host, port)
	}
	if got, want := c.Resource(), "hub/devices/d/modules/m"; got != want {
		t.Errorf("Resource = %q, want %q", got, want)
	}
	_, err = sas.ParseDevice("HostName=hub;GatewayHostName=edge/;DeviceId=d;x509=true")
	want := "connection string: GatewayHostName is not a host name (such as myhub.azure-devices.net, with no scheme or path)"
	if got := errText(err); got != want {
		t.Errorf("error %q\n want %q", got, want)
	}
}

func TestResource(t *testing.T) {
	t.Parallel()
	tests := []struct {
		c    sas.ConnectionString
		want string
	}{
		{sas.ConnectionString{HostName: "Hub:5671"}, "Hub"},
		{sas.ConnectionString{HostName: "[::1]:5672", DeviceID: "d"}, "::1/devices/d"},
		{sas.ConnectionString{HostName: "h", DeviceID: "a%b", ModuleID: "m"}, "h/devices/a%b/modules/m"},
	}
	for _, tt := range tests {
		if got := tt.c.Resource(); got != tt.want {
			t.Errorf("Resource = %q, want %q", got, tt.want)
		}
	}
}

// The emulator flag turns TLS off, so neither the hub nor the gateway, which is
// where the connection goes, may be elsewhere.
func TestEmulatorNeedsLoopback(t *testing.T) {
	t.Parallel()
	tests := []struct {
		host string
		want bool
	}{
		{"localhost", true},
		{"LocalHost:5672", true},
		{"myhub.localhost", true},
		{"127.0.0.1", true},
		{"127.255.0.9:5672", true},
		{"[::1]", true},
		{"[0:0:0:0:0:0:0:1]:5672", true},
		{"[::ffff:127.0.0.1]", true},

		{"myhub.azure-devices.net", false},
		{"localhost.example.com", false},
		{"notlocalhost", false},
		{"127.0.0.1.example.com", false},
		{"128.0.0.1", false},
		{"0.0.0.0", false},
		{"127.1", false},
		{"0177.0.0.1", false},
		{"[::]", false},
		{"[::2]:5672", false},
		{"[::ffff:8.8.8.8]", false},
	}
	const rest = ";DeviceId=d;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=true"
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			t.Parallel()
			if got := sas.IsLoopback(tt.host); got != tt.want {
				t.Errorf("IsLoopback = %v, want %v", got, tt.want)
			}
			for _, where := range []struct{ name, text string }{
				{"HostName", "HostName=" + tt.host},
				{"GatewayHostName", "HostName=localhost;GatewayHostName=" + tt.host},
			} {
				want := ""
				if !tt.want {
					want = "connection string: UseDevelopmentEmulator=true needs a loopback " + where.name + ", such as localhost"
				}
				_, err := sas.ParseConnectionString(where.text + rest)
				if got := errText(err); got != want {
					t.Errorf("error %q\n want %q", got, want)
				}
			}
		})
	}
}
