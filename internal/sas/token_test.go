package sas_test

import (
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/sas"
)

func TestParseToken(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, wantErr string }{
		{"any order", "SharedAccessSignature skn=p&se=1&sig=YWJjZA==&sr=h", ""},
		{"empty skn", "SharedAccessSignature sr=h&sig=YWJjZA%3d%3d&se=1&skn=", ""},
		{"C# test text", "SharedAccessSignature sr=dh%3a%2f%2facme.azure-devices.net&sig=dGVzdFN0cmluZzU=&se=87824124985&skn=AllAccessKey", ""},
		{"unencoded id with odd characters", "SharedAccessSignature sr=h/devices/a=b;c%&sig=YWJjZA==&se=1", ""},

		{"nothing", "", `does not start with "SharedAccessSignature "`},
		{"a word", "blah", `does not start with "SharedAccessSignature "`},
		{"leading space", " SharedAccessSignature sr=h&sig=YWJjZA==&se=1", `does not start with "SharedAccessSignature "`},
		{"lower case", "sharedaccesssignature sr=h&sig=YWJjZA==&se=1", `does not start with "SharedAccessSignature "`},
		{"tab", "SharedAccessSignature\tsr=h&sig=YWJjZA==&se=1", `does not start with "SharedAccessSignature "`},
		{"two spaces", "SharedAccessSignature  sr=h&sig=YWJjZA==&se=1", "holds white space or a character that is not ASCII"},
		{"space inside", "SharedAccessSignature sr=h &sig=YWJjZA==&se=1", "holds white space or a character that is not ASCII"},
		{"line feed in sr", "SharedAccessSignature sr=h\n1&sig=YWJjZA==&se=1", "holds white space or a character that is not ASCII"},
		{"line feed at the end", "SharedAccessSignature sr=h&sig=YWJjZA==&se=1\n", "holds white space or a character that is not ASCII"},
		{"not ASCII", "SharedAccessSignature sr=hüb&sig=YWJjZA==&se=1", "holds white space or a character that is not ASCII"},
		{"no fields", "SharedAccessSignature ", `field 1 has no "="`},
		{"field without value sign", "SharedAccessSignature sr=h&sig&se=1", `field 2 has no "="`},
		{"ampersand at the end", "SharedAccessSignature sr=h&sig=YWJjZA==&se=1&", `field 4 has no "="`},
		{"unknown field", "SharedAccessSignature sr=h&sig=YWJjZA==&se=1&x=y", "field 4 is none of sr, sig, se, skn"},
		{"upper case field", "SharedAccessSignature SR=h&sig=YWJjZA==&se=1", "field 1 is none of sr, sig, se, skn"},
		{"sr twice", "SharedAccessSignature sr=h&sr=i&sig=YWJjZA==&se=1", "sr is given twice"},
		{"empty skn twice", "SharedAccessSignature sr=h&skn=&sig=YWJjZA==&se=1&skn=p", "skn is given twice"},
		{"no sr", "SharedAccessSignature sig=YWJjZA==&se=1", "sr is missing"},
		{"empty sr", "SharedAccessSignature sr=&sig=YWJjZA==&se=1", "sr is missing"},
		{"no sig", "SharedAccessSignature sr=h&se=1", "sig is missing"},
		{"no se", "SharedAccessSignature sr=h&sig=YWJjZA==", "se is missing"},
		{"se is a date", "SharedAccessSignature sr=h&sig=YWJjZA==&se=2030-01-01", "se is not a number of seconds since 1970"},
		{"se has a sign", "SharedAccessSignature sr=h&sig=YWJjZA==&se=-1", "se is not a number of seconds since 1970"},
		{"se has a fraction", "SharedAccessSignature sr=h&sig=YWJjZA==&se=1.5", "se is not a number of seconds since 1970"},
		{"se beyond 64 bits", "SharedAccessSignature sr=h&sig=YWJjZA==&se=9223372036854775808", "se is too large"},
		{"sig not base64", "SharedAccessSignature sr=h&sig=hunter2&se=1", "sig is not valid base64"},
		{"sig with unused bits", "SharedAccessSignature sr=h&sig=YWJjZB==&se=1", "sig is not valid base64"},
		{"sig with escaped line feed", "SharedAccessSignature sr=h&sig=YWJj%0AZA==&se=1", "sig is not valid base64"},
		{"sig badly escaped", "SharedAccessSignature sr=h&sig=hunter%2&se=1", "sig is not valid percent encoding"},
		{"sig redacted", "SharedAccessSignature sr=h&sig=REDACTED&se=1", "sig is REDACTED: it was copied from a log, which hides it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token, err := sas.ParseToken(tt.text)
			want := tt.wantErr
			if want != "" {
				want = "sas token: " + want
			}
			if got := errText(err); got != want {
				t.Fatalf("error %q, want %q", got, want)
			}
			if token.IsZero() != (err != nil) {
				t.Errorf("IsZero = %v with error %v", token.IsZero(), err)
			}
			if err == nil && token.Reveal() != tt.text {
				t.Errorf("Reveal = %q, want %q", token.Reveal(), tt.text)
			}
		})
	}
}

func TestVerifiedBy(t *testing.T) {
	t.Parallel()
	primary, secondary := sas.NewKey([]byte("primary")), sas.NewKey([]byte("secondary"))
	expiry := time.Unix(2000000000, 0)
	byPrimary := sas.NewToken(primary, "h/devices/d", "", expiry)
	tests := []struct {
		name  string
		token sas.Token
		keys  []sas.Key
		want  bool
	}{
		{"primary", byPrimary, []sas.Key{primary, secondary}, true},
		{"secondary", sas.NewToken(secondary, "h", "p", expiry), []sas.Key{primary, secondary}, true},
		{"rotated away", byPrimary, []sas.Key{secondary}, false},
		{"no keys", byPrimary, nil, false},
		// A device without a secondary key must not open to whoever signs with nothing.
		{"zero key", sas.NewToken(sas.Key{}, "h", "", expiry), []sas.Key{primary, {}}, false},
		{"zero token", sas.Token{}, []sas.Key{primary, {}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.token.VerifiedBy(tt.keys...); got != tt.want {
				t.Errorf("VerifiedBy = %v, want %v", got, tt.want)
			}
		})
	}
}

// Changing what is signed, or the signature, must be noticed; the policy name is
// not signed, and how fields are escaped and ordered makes no difference to sig.
func TestVerifiedByAfterChange(t *testing.T) {
	t.Parallel()
	key := mustKey(t, localKey)
	const text = "SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fdevice1&sig=e1pyi8RFvgp7aMja4YBXPvgOCeV9awkCGv0Rwyw1Ky8%3D&se=1893456000"
	tests := []struct {
		name, old, new string
		want           bool
	}{
		{"untouched", "", "", true},
		{"other device", "device1", "device2", false},
		{"case of the escapes in sr", "%2F", "%2f", false},
		{"later", "se=1893456000", "se=1893456001", false},
		{"same time spelt otherwise", "se=", "se=0", false},
		{"signature", "e1pyi", "e1pyj", false},
		{"case of the escape in sig", "%3D", "%3d", true},
		{"no escape in sig", "%3D", "=", true},
		{"policy added", "se=1893456000", "se=1893456000&skn=device", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token := mustToken(t, strings.ReplaceAll(text, tt.old, tt.new))
			if tt.old == "" {
				token = mustToken(t, text)
			}
			if got := token.VerifiedBy(key); got != tt.want {
				t.Errorf("VerifiedBy = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestNewTokenEscapes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, resource, want string }{
		{"plain", "h-1.x_y~z", "h-1.x_y~z"},
		{"slash", "h/devices/d", "h%2Fdevices%2Fd"},
		{"space and plus", "a b+c", "a%20b%2Bc"},
		{"every mark of a device id", "-:.+%_#*?!(),=@$'", "-%3A.%2B%25_%23%2A%3F%21%28%29%2C%3D%40%24%27"},
		{"not ASCII", "hüb", "h%C3%BCb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token := sas.NewToken(mustKey(t, localKey), tt.resource, "", time.Unix(1, 0))
			if got := token.RawResource(); got != tt.want {
				t.Errorf("RawResource = %q, want %q", got, tt.want)
			}
			if got := token.Resource(); got != tt.resource {
				t.Errorf("Resource = %q, want %q", got, tt.resource)
			}
		})
	}
}

func TestTokenExpiry(t *testing.T) {
	t.Parallel()
	key := sas.NewKey([]byte("k"))
	noon := time.Date(2030, 1, 1, 12, 0, 0, 999_999_999, time.FixedZone("", 3600))
	tests := []struct {
		name  string
		token sas.Token
		want  time.Time
	}{
		{"cut to seconds, UTC", sas.NewToken(key, "h", "", noon), time.Date(2030, 1, 1, 11, 0, 0, 0, time.UTC)},
		{"before 1970", sas.NewToken(key, "h", "", time.Time{}), time.Unix(0, 0).UTC()},
		{"leading zeros", mustToken(t, "SharedAccessSignature sr=h&sig=YWJjZA==&se=007"), time.Unix(7, 0).UTC()},
		{"beyond year 9999", mustToken(t, "SharedAccessSignature sr=h&sig=YWJjZA==&se=9223372036854775807"), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.token.Expiry(); got != tt.want {
				t.Errorf("Expiry = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestZeroToken(t *testing.T) {
	t.Parallel()
	var token sas.Token
	if !token.IsZero() || !token.Equal(sas.Token{}) {
		t.Error("the zero token is not zero")
	}
	if got := token.Reveal() + token.String() + token.Resource() + token.RawResource() + token.Policy(); got != "" {
		t.Errorf("the zero token has text %q", got)
	}
	if token.Covers("") || token.Covers("h") {
		t.Error("the zero token covers something")
	}
}
