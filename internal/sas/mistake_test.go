package sas_test

import (
	"regexp"
	"strings"
	"testing"

	"iothub-c2d/internal/sas"
)

func TestLikelyMistake(t *testing.T) {
	t.Parallel()
	const (
		quotes = "typographic quotes"
		dash   = "typographic dash"
		label  = "text before HostName="
		shell  = "put the string in quotes"
		spaces = "spaces around = and ;"
		lines  = "line break"
	)
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"hello", ""},
		{"HostName=h;DeviceId=d", ""},
		{"HostName=h;SharedAccessKeyName=service", ""},
		{"DeviceId=d;HostName=h", ""},
		{"GatewayHostName=g;DeviceId=d", ""},
		{"GatewayHostName=g;HostName=h", ""},
		{`"HostName=h;DeviceId=d"`, ""}, // the parser says it
		{"HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature sr=h&sig=x&se=1", ""},
		{"HostName=h;Unknown=x", ""},
		{"HostName=h;" + strings.Repeat("SharedAccesKey", 10) + "=x", ""},

		{"HostName=h", shell},
		{"hostname=h;", shell},
		{" HostName=h\n", shell},
		{"DeviceId=d", ""},

		{"“HostName=h;DeviceId=d”", quotes},
		{"‘HostName=h;DeviceId=d’", quotes},
		{"„HostName=h", quotes},
		{"HostName=my–hub;DeviceId=d;SharedAccessKey=x", dash},
		{"HostName=my—hub", dash},
		{"HostName=my\u2011hub", dash},

		{"Primary connection string HostName=h;DeviceId=d", label},
		{"Primary connection string: HostName=h;DeviceId=d", label},
		{"Primary connection string\nHostName=h;DeviceId=d", label},
		{"Primary connection stringHostName=h;DeviceId=d", label},
		{"IOTHUB_CONNECTION_STRING=HostName=h;DeviceId=d", label},
		{`export IOTHUB_CONNECTION_STRING="HostName=h;DeviceId=d"`, label},
		{`{"connectionString": "HostName=h;DeviceId=d"}`, label},

		{"HostName =h;DeviceId=d", spaces},
		{"HostName= h;DeviceId=d", spaces},
		{"HostName=h; DeviceId=d", spaces},
		{"HostName=h ;DeviceId=d", spaces},
		{"HostName=h;DeviceId\t=d", spaces},
		{"HostName=h;\u00a0DeviceId=d", spaces},
		{"HostName=h;\nDeviceId=d", lines},

		{"HostName=h;DeviceId=d;SharedAccesKey=x", "element 3 is misspelt: did you mean SharedAccessKey?"},
		{"HostName=h;DeviceId=d;SharedAccessKeys=x", "element 3 is misspelt: did you mean SharedAccessKey?"},
		{"HostName=h;SharedAccessKeyNam=service;SharedAccessKey=x", "element 2 is misspelt: did you mean SharedAccessKeyName?"},
		{"HostName=h;SharedAccesKeyName=service;SharedAccessKey=x", "element 2 is misspelt: did you mean SharedAccessKeyName?"},
		{"HostName=h;DeviceId=d;SharedAccessSignatur=x", "element 3 is misspelt: did you mean SharedAccessSignature?"},
		{"HostName=h;deviceid=d;sharedacceskey=x", "element 3 is misspelt: did you mean SharedAccessKey?"},
		{"HostName=h;Device=d;SharedAccessKey=x", "element 2 is misspelt: did you mean DeviceId?"},
		{"HostName=h;DeviceId=d;x5O9=true", "element 3 is misspelt: did you mean x509?"},
		{"Hostnam=h;DeviceId=d", "element 1 is misspelt: did you mean HostName?"},
		{"HostName=h;DeviceId=d;SharedAccessKey", ""}, // the parser says it
	} {
		got := sas.LikelyMistake(test.text)
		if !strings.Contains(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

var mistakeWords = regexp.MustCompile(`^[A-Za-z509 =;:,?-]*[0-9]*[A-Za-z509 =;:,?-]*$`)

// FuzzLikelyMistake: nothing of the string gets into the answer.
func FuzzLikelyMistake(f *testing.F) {
	for _, seed := range []string{"HostName=h", "HostName=h;DeviceId=d;SharedAccesKey=#secret#", "“#secret#", "#secret# HostName=h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const secret = "#secret#"
		got := sas.LikelyMistake(strings.ReplaceAll(text, "#", "") + secret)
		if strings.Contains(got, "#") || !mistakeWords.MatchString(got) {
			t.Errorf("%q: got %q", text, got)
		}
	})
}
