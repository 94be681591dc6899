package sas_test

import (
	"testing"

	"iothub-c2d/internal/sas"
)

func TestCovers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, sr, resource string
		want               bool
	}{
		{"same", "h%2Fdevices%2Fd", "h/devices/d", true},
		{"whole hub", "h", "h/devices/d", true},
		{"all devices", "h%2Fdevices", "h/devices/d", true},
		{"device covers its module", "h%2Fdevices%2Fd", "h/devices/d/modules/m", true},
		{"module does not cover its device", "h%2Fdevices%2Fd%2Fmodules%2Fm", "h/devices/d", false},
		{"device does not cover the hub", "h%2Fdevices%2Fd", "h", false},
		{"prefix of a segment", "h%2Fdevices%2Fd", "h/devices/d1", false},
		{"prefix of the host", "h", "hub", false},
		{"other device", "h%2Fdevices%2Fd", "h/devices/e", false},
		{"other host", "h", "i", false},
		{"nothing wanted", "h", "", false},
		{"no host in scope", "%2Fdevices%2Fd", "/devices/d", false},
		{"only a slash", "%2F", "h", false},

		{"host ignores case", "MyHub.Azure-Devices.NET", "myhub.azure-devices.net/devices/d", true},
		{"id ignores case", "h%2Fdevices%2FD", "h/devices/d", true},
		{"path ignores case", "h%2FDevices%2Fd", "h/devices/d", true},
		{"all in small letters", "h%2fdevices%2fdev-01%2fmodules%2fmod", "H/devices/Dev-01/modules/Mod", true},
		{"prefix of a segment in another case", "h%2Fdevices%2FD", "h/devices/d1", false},
		{"the back end's endpoint", "h%2Fmessages%2Fdevicebound", "h/messages/deviceBound", true},
		{"all the back end's endpoints", "h/messages", "h/messages/serviceBound/feedback", true},
		{"one endpoint is not another", "h/messages/devicebound", "h/messages/servicebound/feedback", false},
		{"an endpoint does not cover its device", "h/devices/d/messages/devicebound", "h/devices/d", false},

		{"port in scope", "localhost%3A15671%2Fdevices%2Fdev1", "localhost/devices/dev1", true},
		{"unencoded port in scope", "localhost:15671", "localhost/devices/dev1", true},
		{"port wanted", "localhost", "localhost:15671/devices/dev1", true},
		{"two ports", "localhost:1", "localhost:2", true},
		{"IPv6 with and without port", "%5B%3A%3A1%5D%3A5672%2Fdevices%2Fd", "::1/devices/d", true},
		{"other IPv6", "[::1]:5672", "::2", false},
		{"colon in an id is no port", "h%2Fdevices%2Fa%3A1", "h/devices/a:2", false},

		{"slash at the end of scope", "h%2Fdevices%2F", "h/devices/d", true},
		{"slash at the end of resource", "h%2Fdevices%2Fd", "h/devices/d/", true},
		{"empty segment", "h%2F%2Fdevices", "h/devices/d", false},
		{"scheme, which the hub does not allow", "https%3A%2F%2Fh", "h", false},

		{"lower hex", "h%2fdevices%2fd%40e", "h/devices/d@e", true},
		{"ids escaped twice", "h%2Fdevices%2Fd%2540e", "h/devices/d@e", true},
		{"only ids escaped", "h/devices/d%40e", "h/devices/d@e", true},
		{"escaped three times", "h%2Fdevices%2Fd%252540e", "h/devices/d@e", false},
		{"plus unencoded", "h/devices/a+b", "h/devices/a+b", true},
		{"plus encoded", "h%2Fdevices%2Fa%2Bb", "h/devices/a+b", true},
		{"plus is no space", "h/devices/a+b", "h/devices/a b", false},
		{"percent unencoded", "h/devices/100%", "h/devices/100%", true},
		{"percent encoded", "h%2Fdevices%2F100%25", "h/devices/100%", true},
		{"escape in an id, unencoded", "h/devices/a%41", "h/devices/a%41", true},
		{"escape in an id, encoded", "h%2Fdevices%2Fa%2541", "h/devices/a%41", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token := mustToken(t, "SharedAccessSignature sr="+tt.sr+"&sig=YWJjZA==&se=1")
			if got := token.Covers(tt.resource); got != tt.want {
				t.Errorf("sr=%s covers %q: %v, want %v", tt.sr, tt.resource, got, tt.want)
			}
		})
	}
}

// What a client signs for is what the hub asks for, port or not.
func TestCoversOwnResource(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"HostName=h.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=" + localKey,
		"HostName=localhost:15671;DeviceId=dev1;SharedAccessKey=" + localKey,
		"HostName=[::1]:5672;DeviceId=-:.+%_#*?!(),=@$';ModuleId=m%41;SharedAccessKey=" + localKey,
	} {
		c, err := sas.ParseConnectionString(s)
		if err != nil {
			t.Fatal(err)
		}
		token := sas.NewToken(c.Key, c.Resource(), c.KeyName, distantFuture)
		if !token.Covers(c.Resource()) {
			t.Errorf("sr=%s does not cover %s", token.RawResource(), c.Resource())
		}
	}
}
