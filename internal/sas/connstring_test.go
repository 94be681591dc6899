package sas_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"iothub-c2d/internal/sas"
)

const (
	someKey   = "c2VjcmV0"
	someToken = "SharedAccessSignature sr=h&sig=YWJjZA%3D%3D&se=1"
)

func TestParseConnectionString(t *testing.T) {
	t.Parallel()
	secret := sas.NewKey([]byte("secret"))
	service := sas.ConnectionString{HostName: "h.azure-devices.net", KeyName: "service", Key: secret}
	device := sas.ConnectionString{HostName: "h", DeviceID: "d", Key: secret}
	tests := []struct {
		name, text string
		want       sas.ConnectionString
	}{
		{"service", "HostName=h.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0", service},
		{"any order", "SharedAccessKey=c2VjcmV0;SharedAccessKeyName=service;HostName=h.azure-devices.net", service},
		{"keys without case", "hostname=h.azure-devices.net;SHAREDACCESSKEYNAME=service;sharedAccessKey=c2VjcmV0", service},
		{"device", "HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0", device},
		{"semicolon at the end", "HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0;", device},
		{"empty elements", ";;HostName=h;;DeviceId=d;SharedAccessKey=c2VjcmV0;;", device},
		{"white space around", " \tHostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0\r\n", device},
		{"unknown keys", "HostName=h;CredentialScope=Device;X=;DeviceId=d;SharedAccessKey=c2VjcmV0", device},
		{"x509=false", "HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0;x509=False", device},
		{
			"module behind a gateway", "HostName=h;DeviceId=d;ModuleId=m;GatewayHostName=edge:5671;SharedAccessKey=c2VjcmV0",
			sas.ConnectionString{HostName: "h", GatewayHostName: "edge:5671", DeviceID: "d", ModuleID: "m", Key: secret},
		},
		{
			"policy key used as a device", "HostName=h;DeviceId=d;SharedAccessKeyName=device;SharedAccessKey=c2VjcmV0",
			sas.ConnectionString{HostName: "h", DeviceID: "d", KeyName: "device", Key: secret},
		},
		{
			"device with token", "HostName=h;DeviceId=d;SharedAccessSignature=" + someToken,
			sas.ConnectionString{HostName: "h", DeviceID: "d", Token: mustToken(t, someToken)},
		},
		{
			"service with token", "HostName=h;SharedAccessKeyName=p;SharedAccessSignature=" + someToken,
			sas.ConnectionString{HostName: "h", KeyName: "p", Token: mustToken(t, someToken)},
		},
		{"x509", "HostName=h;DeviceId=d;x509=TRUE", sas.ConnectionString{HostName: "h", DeviceID: "d", X509: true}},
		{"X509Cert", "HostName=h;DeviceId=d;X509Cert=true", sas.ConnectionString{HostName: "h", DeviceID: "d", X509: true}},
		{
			"every mark in an id", "HostName=h;DeviceId=-:.+%_#*?!(),=@$';SharedAccessKey=c2VjcmV0",
			sas.ConnectionString{HostName: "h", DeviceID: "-:.+%_#*?!(),=@$'", Key: secret},
		},
		{
			"port", "HostName=localhost:5671;DeviceId=d;SharedAccessKey=c2VjcmV0",
			sas.ConnectionString{HostName: "localhost:5671", DeviceID: "d", Key: secret},
		},
		{
			"emulator", "HostName=[::1]:5672;DeviceId=d;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=True",
			sas.ConnectionString{HostName: "[::1]:5672", DeviceID: "d", Key: secret, UseDevelopmentEmulator: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := sas.ParseConnectionString(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got.Reveal(), tt.want.Reveal())
			}
			if err := got.Validate(); err != nil {
				t.Errorf("Validate: %v", err)
			}
			again, err := sas.ParseConnectionString(got.Reveal())
			if err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("parsing %q again: %q, %v", got.Reveal(), again.Reveal(), err)
			}
		})
	}
}

func TestParseConnectionStringErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"nothing", " \n", "it is empty"},
		{"double quotes", `"HostName=h;DeviceId=d;x509=true"`, "it starts with a quote; write it without quotes"},
		{"single quotes", `'HostName=h;DeviceId=d;x509=true'`, "it starts with a quote; write it without quotes"},
		{"no equals sign", "HostName=h;DeviceId=d;c2VjcmV0", `element 3 has no "="`},
		{"no key", "HostName=h;=c2VjcmV0", `element 2 has no key before its "="`},
		{"space before a key", "HostName=h; DeviceId=d;x509=true", "element 2 has white space around its key"},
		{"line end inside", "HostName=h;\nDeviceId=d;x509=true", "element 2 has white space around its key"},
		{"key twice", "HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0;sharedaccesskey=c2VjcmV0", "SharedAccessKey is given twice"},
		{"key twice, two names", "HostName=h;DeviceId=d;x509=true;X509Cert=false", "x509 is given twice"},
		{"unknown key twice", "HostName=h;c2VjcmV0=a;C2vjcmV0=b;DeviceId=d", "element 3 repeats a key"},

		{"empty value", "HostName=h;DeviceId=;SharedAccessKey=c2VjcmV0", "DeviceId is empty"},
		{"empty key", "HostName=h;DeviceId=d;SharedAccessKey=", "SharedAccessKey is empty"},
		{"key not base64", "HostName=h;DeviceId=d;SharedAccessKey=hunter2", "SharedAccessKey is not valid base64"},
		{"key redacted", "HostName=h;DeviceId=d;SharedAccessKey=REDACTED", "SharedAccessKey is REDACTED: it was copied from a log, which hides it"},
		{"bad token", "HostName=h;DeviceId=d;SharedAccessSignature=sr=h", `SharedAccessSignature is malformed: does not start with "SharedAccessSignature "`},
		{"bad x509", "HostName=h;DeviceId=d;x509=1", "x509 is neither true nor false"},
		{"bad emulator flag", "HostName=h;DeviceId=d;x509=true;UseDevelopmentEmulator=yes", "UseDevelopmentEmulator is neither true nor false"},

		{"no host", "DeviceId=d;SharedAccessKey=c2VjcmV0", "HostName is missing"},
		{"no credential", "HostName=h;DeviceId=d", "SharedAccessKey is missing (or SharedAccessSignature, or x509=true)"},
		{"x509=false only", "HostName=h;DeviceId=d;x509=false", "SharedAccessKey is missing (or SharedAccessSignature, or x509=true)"},
		{"key and x509", "HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0;x509=true", "SharedAccessKey and x509=true do not go together"},
		{"key and token", "HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0;SharedAccessSignature=" + someToken, "SharedAccessKey and SharedAccessSignature do not go together"},
		{"neither device nor policy", "HostName=h;SharedAccessKey=c2VjcmV0", "DeviceId or SharedAccessKeyName is missing"},
		{"module alone", "HostName=h;ModuleId=m;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0", "DeviceId is missing: a module belongs to a device"},
		{"x509 service", "HostName=h;SharedAccessKeyName=p;x509=true", "x509=true is for a device, but DeviceId is missing"},

		{"slash in id", "HostName=h;DeviceId=a/b;x509=true", "DeviceId is not 1 to 128 letters, digits and -:.+%_#*?!(),=@$'"},
		{"id too long", "HostName=h;DeviceId=" + strings.Repeat("d", 129) + ";x509=true", "DeviceId is not 1 to 128 letters, digits and -:.+%_#*?!(),=@$'"},
		{"id not ASCII", "HostName=h;DeviceId=dé;x509=true", "DeviceId is not 1 to 128 letters, digits and -:.+%_#*?!(),=@$'"},
		{"space in module", "HostName=h;DeviceId=d;ModuleId=m m;x509=true", "ModuleId is not 1 to 128 letters, digits and -:.+%_#*?!(),=@$'"},
		{"semicolon in id", "HostName=h;DeviceId=a;b;x509=true", `element 3 has no "="`},
		{"percent in policy", "HostName=h;SharedAccessKeyName=a%20b;SharedAccessKey=c2VjcmV0", "SharedAccessKeyName has a character that is none of letters, digits and _-.@"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := sas.ParseConnectionString(tt.text)
			if want := "connection string: " + tt.want; errText(err) != want {
				t.Errorf("error %q\n want %q", errText(err), want)
			}
			if !reflect.DeepEqual(got, sas.ConnectionString{}) {
				t.Errorf("got %v with an error", got)
			}
			for _, secret := range []string{someKey, "hunter2"} {
				if strings.Contains(errText(err), secret) {
					t.Errorf("error %q holds %s", err, secret)
				}
			}
		})
	}
}

func TestKindOfConnectionString(t *testing.T) {
	t.Parallel()
	const (
		device   = "HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0"
		service  = "HostName=h;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0"
		both     = "HostName=h;SharedAccessKeyName=p;DeviceId=d;SharedAccessKey=c2VjcmV0"
		neither  = "HostName=h;SharedAccessKey=c2VjcmV0"
		eventHub = "Endpoint=sb://h/;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0;EntityPath=e"
	)
	tests := []struct {
		name, text string
		parse      func(string) (sas.ConnectionString, error)
		want       string
		is         error
	}{
		{"device as device", device, sas.ParseDevice, "", nil},
		{"policy key as device", both, sas.ParseDevice, "", nil},
		{"x509 as device", "HostName=h;DeviceId=d;x509=true", sas.ParseDevice, "", nil},
		{"service as device", service, sas.ParseDevice, "DeviceId is missing: this is the connection string of a service, not of a device", sas.ErrServiceString},
		{"neither as device", neither, sas.ParseDevice, "DeviceId is missing", nil},
		{"event hub as device", eventHub, sas.ParseDevice, "HostName is missing", nil},

		{"service as service", service, sas.ParseService, "", nil},
		{"service with token", "HostName=h;SharedAccessKeyName=p;SharedAccessSignature=" + someToken, sas.ParseService, "", nil},
		{"device as service", device, sas.ParseService, "SharedAccessKeyName is missing: this is the connection string of a device, not of a service", sas.ErrDeviceString},
		{"x509 device as service", "HostName=h;DeviceId=d;x509=true", sas.ParseService, "SharedAccessKeyName is missing: this is the connection string of a device, not of a service", sas.ErrDeviceString},
		{"both as service", both, sas.ParseService, "DeviceId has no place in a service connection string", nil},
		{"neither as service", neither, sas.ParseService, "SharedAccessKeyName is missing", nil},
		{"event hub as service", eventHub, sas.ParseService, "HostName is missing", nil},
		// The wrong string comes before whatever else is wrong with it.
		{"device without key as service", "HostName=h;DeviceId=d", sas.ParseService, "SharedAccessKeyName is missing: this is the connection string of a device, not of a service", sas.ErrDeviceString},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := tt.parse(tt.text)
			want := tt.want
			if want != "" {
				want = "connection string: " + want
			}
			if got := errText(err); got != want {
				t.Fatalf("error %q\n want %q", got, want)
			}
			for _, sentinel := range []error{sas.ErrServiceString, sas.ErrDeviceString} {
				if got, want := errors.Is(err, sentinel), tt.is == sentinel; got != want {
					t.Errorf("errors.Is(err, %q) = %v, want %v", sentinel, got, want)
				}
			}
		})
	}
}

// What cannot come out of a parser can be put together by hand.
func TestValidate(t *testing.T) {
	t.Parallel()
	key := sas.NewKey([]byte("secret"))
	tests := []struct {
		name string
		c    sas.ConnectionString
		want string
	}{
		{"good", sas.ConnectionString{HostName: "h", DeviceID: "d", Key: key}, ""},
		{"nothing", sas.ConnectionString{}, "connection string: HostName is missing"},
		{
			"semicolon in id",
			sas.ConnectionString{HostName: "h", DeviceID: "a;x509=true", Key: key},
			"connection string: DeviceId is not 1 to 128 letters, digits and -:.+%_#*?!(),=@$'",
		},
		{
			"semicolon in token",
			sas.ConnectionString{
				HostName: "h", DeviceID: "d",
				Token: mustToken(t, "SharedAccessSignature sr=h/devices/a;b&sig=YWJjZA==&se=1"),
			},
			`connection string: SharedAccessSignature has a ";" that is not percent-encoded`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := errText(tt.c.Validate()); got != tt.want {
				t.Errorf("error %q\n want %q", got, tt.want)
			}
		})
	}
}
