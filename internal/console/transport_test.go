package console

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/sas"
)

func TestExpiryOfReadyMadeToken(t *testing.T) {
	t.Parallel()
	key := sas.NewKey([]byte("key"))
	for _, test := range []struct {
		name  string
		life  time.Duration // 0: a key, and no token
		quiet bool
		want  string // how the only line starts; empty: no line
	}{
		{"a key", 0, false, ""},
		{"valid", time.Hour, false, "The SharedAccessSignature is good until "},
		{"valid, quiet", time.Hour, true, ""},
		{"over", -time.Second, false, "Warning: by the clock of this machine the SharedAccessSignature expired at "},
		{"over, quiet", -time.Second, true, ""},
	} {
		cs := sas.ConnectionString{HostName: "h", DeviceID: "d", Key: key}
		if test.life != 0 {
			cs.Key = sas.Key{}
			cs.Token = sas.NewToken(key, cs.Resource(), "", time.Now().Add(test.life))
		}
		var b bytes.Buffer
		c := &Console{Err: &b, Quiet: test.quiet}
		if _, err := c.ClientOptions(new(Settings), cs); err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(b.String(), "\n")
		if !strings.HasPrefix(b.String(), test.want) || test.want == "" && lines > 0 || lines > 1 {
			t.Errorf("%s: got %q, want %q", test.name, b.String(), test.want)
		}
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, host, masked string }{
		{"proxy.example:8080", "proxy.example:8080", "http://proxy.example:8080"},
		{"proxy.example", "proxy.example", "http://proxy.example"},
		{"[::1]:3128", "[::1]:3128", "http://[::1]:3128"},
		{"http://proxy.example:8080", "proxy.example:8080", "http://proxy.example:8080"},
		{"http://user:secret@proxy.example:8080", "proxy.example:8080", "http://user:xxxxx@proxy.example:8080"},
		{"user:secret@proxy.example:8080", "proxy.example:8080", "http://user:xxxxx@proxy.example:8080"},
		{"https://proxy.example", "", "no address"},
		{"socks5://user:secret@proxy.example", "", "no address"},
		{"http://", "", "no address"},
		{":8080", "", "no address"},
		{"a b", "", "no address"},
	} {
		flags := TransportFlags{ProxyURL: test.text}
		got, err := flags.proxy()
		if (err == nil) != (test.host != "") || err == nil && got.Host != test.host {
			t.Errorf("%q: got %v, %v, want %q", test.text, got, err, test.host)
		}
		if err != nil && (codeOf(err) != ExitUsage || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: got %v, want a usage error without the password", test.text, err)
		}
		if got := flags.maskProxy(); got != test.masked {
			t.Errorf("%q: got %q, want %q", test.text, got, test.masked)
		}
	}
}

func TestConnected(t *testing.T) {
	key := sas.NewKey([]byte("key"))
	for _, test := range []struct {
		cs          sas.ConnectionString
		args        []string
		environment string
		want        string
	}{
		{
			sas.ConnectionString{HostName: "h.azure-devices.net", DeviceID: "d", Key: key},
			nil, "x", "Connected to h.azure-devices.net as device d over AMQP with TLS (from the environment).",
		},
		{
			sas.ConnectionString{HostName: "h", GatewayHostName: "edge", DeviceID: "d", ModuleID: "m", Key: key},
			[]string{"--protocol", "amqp-ws", "-c", "x"},
			"", "Connected to h by the gateway edge as module d/m over AMQP-WS with TLS (from --connection-string).",
		},
		{
			sas.ConnectionString{HostName: "127.0.0.1:5672", KeyName: "service", Key: key, UseDevelopmentEmulator: true},
			[]string{"--local"},
			"", "Connected to 127.0.0.1:5672 as policy service over AMQP without TLS (from --local).",
		},
		{
			sas.ConnectionString{HostName: "127.0.0.1:5672", UseDevelopmentEmulator: true},
			nil, "", "Connected to 127.0.0.1:5672 as the bearer of a token over AMQP without TLS (by default).",
		},
	} {
		t.Setenv(EnvDevice, test.environment)
		var b bytes.Buffer
		c := &Console{Err: &b}
		h := parse(t, c, test.args...)
		s, err := h.Settings()
		if err != nil {
			t.Fatal(err)
		}
		c.Connected(s, test.cs)
		if got := b.String(); got != test.want+"\n" {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}
