package sas_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/sas"
)

func FuzzConnectionString(f *testing.F) {
	f.Add("HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0")
	f.Add("HostName=localhost:5672;SharedAccessKeyName=p;SharedAccessSignature=" + someToken + ";UseDevelopmentEmulator=true")
	f.Add("hostname=[::1]:1;DEVICEID=-:.+%_#*?!(),=@$';ModuleId=m;GatewayHostName=g;x509=true;;")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := sas.ParseConnectionString(text)
		if err != nil {
			checkErrorLine(t, err, "connection string: ")
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("parsed, but %v", err)
		}
		again, err := sas.ParseConnectionString(c.Reveal())
		if err != nil || !reflect.DeepEqual(again, c) || again.Reveal() != c.Reveal() {
			t.Errorf("%q, parsed again: %q, %v", c.Reveal(), again.Reveal(), err)
		}
		if host, _ := c.Endpoint(); host == "" || !strings.HasPrefix(c.Resource(), c.Host()) {
			t.Errorf("endpoint %q, host %q, resource %q", host, c.Host(), c.Resource())
		}
		checkConnectionStringHides(t, c)
		checkKinds(t, text, c)
	})
}

// checkErrorLine wants one line that does not shout.
func checkErrorLine(t *testing.T, err error, prefix string) {
	t.Helper()
	if !strings.HasPrefix(err.Error(), prefix) || strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("error %q", err)
	}
}

// checkConnectionStringHides wants the text to be the same for another secret.
// Looking for the key would find it where a device has the name of its key.
func checkConnectionStringHides(t *testing.T, c sas.ConnectionString) {
	t.Helper()
	other := c
	if !c.Key.IsZero() {
		other.Key = sas.NewKey(append(c.Key.Sign("other"), 1))
	}
	if !c.Token.IsZero() {
		other.Token = withOtherSignature(t, c.Token)
	}
	if c.String() != other.String() {
		t.Errorf("the secret shows in %q", c)
	}
}

func withOtherSignature(t *testing.T, token sas.Token) sas.Token {
	t.Helper()
	fields := strings.Split(token.Reveal(), "&")
	for i, field := range fields {
		// The first field comes with the scheme in front.
		name, _, _ := strings.Cut(field, "=")
		if strings.TrimPrefix(name, "SharedAccessSignature ") == "sig" {
			fields[i] = name + "=b3RoZXI="
		}
	}
	return mustToken(t, strings.Join(fields, "&"))
}

func checkKinds(t *testing.T, text string, c sas.ConnectionString) {
	t.Helper()
	if _, err := sas.ParseDevice(text); (err == nil) != (c.DeviceID != "") {
		t.Errorf("ParseDevice: %v for device %q", err, c.DeviceID)
	}
	if _, err := sas.ParseService(text); (err == nil) != (c.DeviceID == "" && c.KeyName != "") {
		t.Errorf("ParseService: %v for device %q, policy %q", err, c.DeviceID, c.KeyName)
	}
}

// FuzzToken signs a token, then changes one byte of what counts.
func FuzzToken(f *testing.F) {
	f.Add([]byte("secret"), "myhub.azure-devices.net/devices/device1", "", int64(1893456000), uint(0), byte(1))
	f.Add([]byte{0x91, 0xec}, "host", "policy", int64(12345), uint(40), byte(0x20))
	f.Add([]byte("k"), "h/devices/-:.+%_#*?!(),=@$'", "encode('Me')", int64(-1), uint(99), byte(0x80))
	f.Fuzz(func(t *testing.T, secret []byte, resource, policy string, expiry int64, at uint, mask byte) {
		key := sas.NewKey(secret)
		if key.IsZero() || resource == "" {
			return
		}
		signed := sas.NewToken(key, resource, policy, time.Unix(expiry, 0))
		token := mustToken(t, signed.Reveal())
		if !reflect.DeepEqual(token, signed) {
			t.Errorf("%q, parsed again: %q", signed.Reveal(), token.Reveal())
		}
		if !token.VerifiedBy(sas.Key{}, key) || token.VerifiedBy(sas.NewKey(append(secret, 1))) {
			t.Errorf("%q is not verified by its key alone", token.Reveal())
		}
		if token.Resource() != resource || token.Policy() != policy {
			t.Errorf("resource %q, policy %q", token.Resource(), token.Policy())
		}
		if resource[0] >= 'a' && resource[0] <= 'z' && !token.Covers(resource) {
			t.Errorf("%q does not cover %q", token, resource)
		}
		checkFlip(t, token, key, at, mask)
	})
}

// checkFlip changes one byte of sr, sig or se, which stand in this order before
// skn, and wants the token refused.
func checkFlip(t *testing.T, token sas.Token, key sas.Key, at uint, mask byte) {
	t.Helper()
	text := token.Reveal()
	counts := text
	if i := strings.Index(text, "&skn="); i >= 0 {
		counts = text[:i]
	}
	flipped := []byte(text)
	flipped[at%uint(len(counts))] ^= mask
	changed, err := sas.ParseToken(string(flipped))
	if err != nil || string(flipped) == text {
		return
	}
	same := changed.RawResource() == token.RawResource() && sigOf(changed) == sigOf(token)
	if changed.VerifiedBy(key) && !same {
		t.Errorf("verified after a change:\n%q\n%q", text, flipped)
	}
}

// sigOf decodes the escapes, whose case makes no difference in sig.
func sigOf(token sas.Token) string {
	_, rest, _ := strings.Cut(token.Reveal(), "&sig=")
	raw, se, _ := strings.Cut(rest, "&")
	sig, _ := url.PathUnescape(raw)
	return sig + " " + se
}

// FuzzParseToken reads what a stranger sends to a hub.
func FuzzParseToken(f *testing.F) {
	f.Add(someToken, "h")
	f.Add("SharedAccessSignature skn=&se=9223372036854775807&sig=YWJjZA%3d%3d&sr=%5B%3A%3A1%5D%3A1%2Fdevices", "[::1]/devices/d")
	f.Fuzz(func(t *testing.T, text, resource string) {
		token, err := sas.ParseToken(text)
		if err != nil {
			checkErrorLine(t, err, "sas token: ")
			return
		}
		if token.Reveal() != text {
			t.Errorf("Reveal = %q, want %q", token.Reveal(), text)
		}
		// Nobody can guess the signature of a key that was not in the seeds.
		if token.VerifiedBy(sas.Key{}, sas.NewKey([]byte("not in the seeds"))) {
			t.Errorf("%q is verified by a key that did not sign it", text)
		}
		if token.Covers(resource) && !token.Covers(resource+"/more") {
			t.Errorf("%q covers %q but nothing below it", token, resource)
		}
		if got := withOtherSignature(t, token).String(); got != token.String() {
			t.Errorf("the signature shows in %q", token)
		}
		if _, err := token.Expiry().MarshalJSON(); err != nil {
			t.Errorf("Expiry: %v", err)
		}
	})
}
