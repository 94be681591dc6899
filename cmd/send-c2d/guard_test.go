package main

import "testing"

func TestIsCredential(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"HostName=h":                          true,
		"hostname = h;DeviceId=d":             true,
		" \"HostName=h;SharedAccessKeyName=s": true,
		"“HostName=h":                         true,
		"GatewayHostName=g;HostName=h":        true,
		"IOTHUB_CONNECTION_STRING=\"HostName=h;SharedAccessKey=k\"": true,
		"Primary connection string: HostName=h":                     true,
		"DeviceId=d;SharedAccessKey=k;HostName=h":                   true,
		"sharedaccesskey=k":                                         true,
		"SharedAccessSignature sr=h&sig=x&se=1":                     true,
		"SharedAccessSignature=SharedAccessSignature sr=h":          true,
		"sr=h&sig=x&se=1":                                           true,

		"":                              false,
		"hello":                         false,
		"set HostName=h":                false,
		"the HostName is h":             false,
		"SharedAccessSignature":         false,
		`{"string":"SharedAccessKey="}`: false,
		"design=new&sign=x":             false,
	} {
		if got := isCredential(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestIsValueOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		flag, text string
		want       bool
	}{
		{"local", "127.0.0.1:5672", true},
		{"local", "127.0.0.1", true},
		{"local", "localhost", true},
		{"local", "[::1]:5672", true},
		{"local", "::1", true},
		{"local", ":5672", true},
		{"local", "hub.example:1", true},
		{"local", "hello", false},
		{"local", "hello:world", false},
		{"local", "my hub:5672", false},
		{"local", "10.1.1.1", false},
		{"local", `{"a":1}`, false},
		{"local", "frames.txt", false},

		{"trace", "frames.txt", true},
		{"trace", "logs/frames", true},
		{"trace", "/dev/stderr", true},
		{"trace", `C:\frames`, true},
		{"trace", "..", false},
		{"trace", "hello", false},
		{"trace", "hello.", false},
		{"trace", "hello world.txt", false},
		{"trace", "v1.2", false},
		{"trace", "http://h/x", false},
		{"trace", `{"path":"/x"}`, false},
		{"trace", "127.0.0.1:5672", false},
	} {
		if got := isValueOf(test.flag, test.text); got != test.want {
			t.Errorf("%s %q: got %v, want %v", test.flag, test.text, got, test.want)
		}
	}
}

func TestTypographicFlag(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"–p": true, "—ttl": true, "–-count": true, "−d": true,
		"-p": false, "– so be it": false, "–": false, "–5": false,
	} {
		if got := typographicFlag.MatchString(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}
