package sas_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"testing"
	"time"

	"iothub-c2d/internal/sas"
)

// localKey signs the vectors L1 to L5, which were computed for these tests.
const localKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// leniently is what Node makes of the key text "key": not valid base64 here.
var leniently = sas.NewKey([]byte{0x91, 0xec})

func mustKey(tb testing.TB, text string) sas.Key {
	tb.Helper()
	key, err := sas.ParseKey(text)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func mustToken(tb testing.TB, text string) sas.Token {
	tb.Helper()
	token, err := sas.ParseToken(text)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// Whole tokens from the tests of the SDKs: each must parse, verify and come out
// of our signer, in our order of fields.
func TestTokenVectors(t *testing.T) {
	t.Parallel()
	password := sas.NewKey([]byte("password"))
	tests := []struct {
		name     string
		key      sas.Key
		text     string
		resource string
		policy   string
		expiry   int64
		ours     string // where the SDK's order differs from ours
	}{
		{
			name: "V1 node skn before se", key: password, resource: "uri", policy: "encode('Me')", expiry: 12345,
			text: "SharedAccessSignature sr=uri&sig=kcWxXAK2OAaAoq2oCkaGzX2NMqDB8nCyNuq2fPYCDhk%3D&skn=encode%28%27Me%27%29&se=12345",
			ours: "SharedAccessSignature sr=uri&sig=kcWxXAK2OAaAoq2oCkaGzX2NMqDB8nCyNuq2fPYCDhk%3D&se=12345&skn=encode%28%27Me%27%29",
		},
		{
			name: "V2 node without skn", key: password, resource: "uri", expiry: 12345,
			text: "SharedAccessSignature sr=uri&sig=kcWxXAK2OAaAoq2oCkaGzX2NMqDB8nCyNuq2fPYCDhk%3D&se=12345",
		},
		{
			name: "V4 node device", key: leniently, resource: "host/devices/device", expiry: 12345,
			text: "SharedAccessSignature sr=host%2Fdevices%2Fdevice&sig=wM3XiP6gD960IxP7J5WHqnxQHEcWC6YaQCtoMT%2BkKHc%3D&se=12345",
		},
		{
			name: "V5 node service", key: leniently, resource: "host", policy: "policy", expiry: 12345,
			text: "SharedAccessSignature sr=host&sig=88JmrIsVYOGmRSjCO1x1LLbv0K001Gikh1rjfJqbQXA%3D&skn=policy&se=12345",
			ours: "SharedAccessSignature sr=host&sig=88JmrIsVYOGmRSjCO1x1LLbv0K001Gikh1rjfJqbQXA%3D&se=12345&skn=policy",
		},
		{
			name: "V6 go", key: mustKey(t, "c2VjcmV0"), resource: "test.azure-devices.net", policy: "owner", expiry: 1546308061,
			text: "SharedAccessSignature sr=test.azure-devices.net&sig=uux4PSAK1s9efNcBHin0pm7O5oENedTWkhqGp8JAyFY%3D&se=1546308061&skn=owner",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token := mustToken(t, tt.text)
			if !token.VerifiedBy(tt.key) {
				t.Error("the right key does not verify the token")
			}
			checkToken(t, token, tt.resource, tt.policy, tt.expiry)
			if got := token.Reveal(); got != tt.text {
				t.Errorf("Reveal after parsing:\n got %s\nwant %s", got, tt.text)
			}
			want := tt.ours
			if want == "" {
				want = tt.text
			}
			signed := sas.NewToken(tt.key, tt.resource, tt.policy, time.Unix(tt.expiry, 0))
			if got := signed.Reveal(); got != want {
				t.Errorf("NewToken:\n got %s\nwant %s", got, want)
			}
		})
	}
}

func checkToken(t *testing.T, token sas.Token, resource, policy string, expiry int64) {
	t.Helper()
	if got := token.Resource(); got != resource {
		t.Errorf("Resource = %q, want %q", got, resource)
	}
	if got := token.Policy(); got != policy {
		t.Errorf("Policy = %q, want %q", got, policy)
	}
	if got := token.Expiry(); !got.Equal(time.Unix(expiry, 0)) {
		t.Errorf("Expiry = %v, want %v", got, time.Unix(expiry, 0).UTC())
	}
	if !token.Covers(resource) {
		t.Errorf("Covers(%q) = false", resource)
	}
}

func TestKeyVectors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, data, want string
		key              sas.Key
	}{
		{"V3 node", "string-to-sign", "o1n1hiIVgzVA2+krq9ty1Z4xsIJKJZP3dYT8MOi65Y4=", mustKey(t, "cGFzc3dvcmQ=")},
		{"V7 python", "sign this message", "8NJRMT83CcplGrAGaUVIUM/md5914KpWVNngSVoF9/M=", mustKey(t, "NMgJDvdKTxjLi+xBxxkDDEwDJxEvOE5u8BiT0mVgPeg=")},
		{"V9 RFC 4231 case 2", "what do ya want for nothing?", fromHex(t, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"), sas.NewKey([]byte("Jefe"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := base64.StdEncoding.EncodeToString(tt.key.Sign(tt.data)); got != tt.want {
				t.Errorf("Sign(%q) = %s, want %s", tt.data, got, tt.want)
			}
		})
	}

	t.Run("V8 python key bytes", func(t *testing.T) {
		t.Parallel()
		const text = "zqtyZCGuKg/UHvSzgYnNod/uHChWrzGGtHSgPi4cC2U="
		key := mustKey(t, text)
		want := fromHex(t, "ceab726421ae2a0fd41ef4b38189cda1dfee1c2856af3186b474a03e2e1c0b65")
		if got := key.Base64(); got != text || got != want {
			t.Errorf("Base64 = %s, want %s", got, want)
		}
	})
	for _, text := range []string{"not a key", "YWJjx"} {
		t.Run("V8 python bad key "+text, func(t *testing.T) {
			t.Parallel()
			if _, err := sas.ParseKey(text); err == nil {
				t.Error("ParseKey took it")
			}
		})
	}
}

// fromHex returns the bytes in base64.
func fromHex(tb testing.TB, text string) string {
	tb.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		tb.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func TestSignedTextVector(t *testing.T) {
	t.Parallel()
	key := sas.NewKey([]byte("any"))
	// V10 java: what is signed is the resource, a line feed and the expiry.
	sig := base64.StdEncoding.EncodeToString(key.Sign("test-resource-uri\n101"))
	want := "SharedAccessSignature sr=test-resource-uri&sig=" + url.QueryEscape(sig) + "&se=101"
	if got := sas.NewToken(key, "test-resource-uri", "", time.Unix(101, 0)).Reveal(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// V11 node signs with a function that returns "abcd": no HMAC, but a token whose
// text must parse, and whose escaping must be ours.
func TestForeignSignerVector(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, resource, raw string }{
		{"V11 device", "fakeHostName/devices/fakeDeviceId", "fakeHostName%2Fdevices%2FfakeDeviceId"},
		{"V11 module", "fakeHostName/devices/fakeDeviceId/modules/fakeModuleId", "fakeHostName%2Fdevices%2FfakeDeviceId%2Fmodules%2FfakeModuleId"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token := mustToken(t, "SharedAccessSignature sr="+tt.raw+"&sig=YWJjZA%3D%3D&skn=fakeKeyName%28&se=1")
			checkToken(t, token, tt.resource, "fakeKeyName(", 1)
			if token.VerifiedBy(sas.NewKey([]byte("abcd"))) {
				t.Error("a signature of four bytes was verified")
			}
			ours := sas.NewToken(sas.NewKey([]byte("abcd")), tt.resource, "fakeKeyName(", time.Unix(1, 0))
			if got := ours.RawResource(); got != tt.raw {
				t.Errorf("RawResource of our own = %s, want %s", got, tt.raw)
			}
		})
	}
}

// The same resource in the spellings that SDKs sign.
func TestLocalVectors(t *testing.T) {
	t.Parallel()
	const device = "myhub.azure-devices.net/devices/device1"
	tests := []struct {
		name, sr, sig, resource string
		ours                    bool // we sign this spelling
	}{
		{"L1 service", "myhub.azure-devices.net", "khSw3Hu42nfiGmvv0z8UfhaVjclOsrYKOsP3H0wMCJU=", "myhub.azure-devices.net", true},
		{"L2 device upper hex", "myhub.azure-devices.net%2Fdevices%2Fdevice1", "e1pyi8RFvgp7aMja4YBXPvgOCeV9awkCGv0Rwyw1Ky8=", device, true},
		{"L3 device lower hex", "myhub.azure-devices.net%2fdevices%2fdevice1", "qAlakZkWIS1WNEp+IyKCexjCMvu5KDp/kyyBYZ/V8kI=", device, false},
		{"L4 device unencoded", device, "Md+iVu1WaVtTga4lT2JVC5+88A8wG+93Bka3mRjC2/A=", device, false},
		{"L5 module", "myhub.azure-devices.net%2Fdevices%2Fdevice1%2Fmodules%2Fmod1", "UfnBiUgY6g1zEIsRKaLQna7e7Dg2kmZhn3k1ygz+DC0=", device + "/modules/mod1", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key := mustKey(t, localKey)
			text := "SharedAccessSignature sr=" + tt.sr + "&sig=" + url.QueryEscape(tt.sig) + "&se=1893456000"
			token := mustToken(t, text)
			if !token.VerifiedBy(key) {
				t.Error("the right key does not verify the token")
			}
			checkToken(t, token, tt.resource, "", 1893456000)
			signed := sas.NewToken(key, tt.resource, "", time.Unix(1893456000, 0))
			if got := signed.Equal(token); got != tt.ours {
				t.Errorf("NewToken made %q; equal = %v, want %v", signed.Reveal(), got, tt.ours)
			}
			// The signature may stand unescaped; nothing in it is a space.
			raw := mustToken(t, "SharedAccessSignature sr="+tt.sr+"&sig="+tt.sig+"&se=1893456000")
			if !raw.VerifiedBy(key) {
				t.Error("not verified with the signature unescaped")
			}
		})
	}
}
