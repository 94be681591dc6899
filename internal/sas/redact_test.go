package sas_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"text/template"
	"time"

	"iothub-c2d/internal/sas"
)

var distantFuture = time.Unix(1893456000, 0)

// secretSpellings is every way that a secret's bytes could show in print.
func secretSpellings(secret []byte) []string {
	b64 := base64.StdEncoding.EncodeToString(secret)
	decimals := strings.Trim(fmt.Sprint(secret), "[]")
	return []string{
		string(secret), b64, url.QueryEscape(b64), decimals, fmt.Sprintf("%#v", secret),
		hex.EncodeToString(secret), hex.EncodeToString([]byte(b64)),
		strings.ReplaceAll(decimals, " ", ","),
	}
}

func checkNoSecret(t *testing.T, how, printed string, secrets ...[]byte) {
	t.Helper()
	for _, secret := range secrets {
		for _, spelling := range secretSpellings(secret) {
			if strings.Contains(strings.ToLower(printed), strings.ToLower(spelling)) {
				t.Errorf("%s shows the secret as %q: %s", how, spelling, printed)
			}
		}
	}
}

// Somebody else's types. fmt does not ask the methods of unexported fields.
type (
	open   struct{ V any }
	shut   struct{ v any }
	shutIn struct {
		key   sas.Key
		token sas.Token
		conn  sas.ConnectionString
	}
)

func TestNothingShowsSecrets(t *testing.T) {
	t.Parallel()
	rawKey := []byte("0123456789abcdef0123456789abcdef")
	key := sas.NewKey(rawKey)
	token := sas.NewToken(key, "h.azure-devices.net/devices/d", "policy", distantFuture)
	sig := key.Sign("h.azure-devices.net%2Fdevices%2Fd\n1893456000")
	if !strings.Contains(token.Reveal(), url.QueryEscape(base64.StdEncoding.EncodeToString(sig))) {
		t.Fatal("this test does not know the signature it looks for")
	}
	withKey := sas.ConnectionString{HostName: "h", DeviceID: "d", Key: key}
	withToken := sas.ConnectionString{HostName: "h", DeviceID: "d", Token: token}
	inner := shutIn{key, token, withKey}

	values := []any{key, token, withKey, withToken, inner, &inner}
	for _, v := range values[:4] {
		values = append(values, &v, []any{v}, map[string]any{"k": v}, open{v}, &open{v}, shut{v}, &shut{v}, []shut{{v}})
	}
	values = append(values, &key, &token, &withKey, []sas.Key{key}, [1]sas.Token{token}, map[string]sas.Key{"k": key},
		struct{ sas.ConnectionString }{withKey}, struct{ sas.Key }{key}, struct{ k *sas.Key }{&key})

	for i, v := range values {
		t.Run(fmt.Sprintf("%d %T", i, v), func(t *testing.T) {
			t.Parallel()
			for how, printed := range printAll(t, v) {
				checkNoSecret(t, how, printed, rawKey, sig)
			}
		})
	}
}

// printAll prints a value in all ways that end up in logs.
func printAll(t *testing.T, v any) map[string]string {
	t.Helper()
	out := map[string]string{
		"Sprint": fmt.Sprint(v), "Sprintln": fmt.Sprintln(v), "Errorf": fmt.Errorf("no: %v", v).Error(),
	}
	for _, flags := range []string{"", "+", "#", "0", " ", "-", "40", ".3", "+#"} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGspwz" {
			format := "%" + flags + string(verb)
			out[format] = fmt.Sprintf(format, v)
		}
	}
	out["argument too many"] = fmt.Sprintf("%[2]*[1]d %!", v, v)
	var text, js, plain bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).With("with", v).Info("m", "v", v, slog.Group("g", "v", v))
	slog.New(slog.NewJSONHandler(&js, nil)).With("with", v).Info("m", "v", v, slog.Group("g", "v", v))
	out["slog text"], out["slog JSON"] = text.String(), js.String()
	if b, err := json.Marshal(v); err != nil {
		t.Errorf("json.Marshal: %v", err)
	} else {
		out["JSON"] = string(b)
	}
	if err := template.Must(template.New("").Parse("{{.}} {{printf `%#v` .}}")).Execute(&plain, v); err != nil {
		t.Errorf("template: %v", err)
	}
	out["template"] = plain.String()
	return out
}

func TestRedactedText(t *testing.T) {
	t.Parallel()
	key := mustKey(t, localKey)
	token := sas.NewToken(key, "h/devices/d", "p", distantFuture)
	const shownToken = "SharedAccessSignature sr=h%2Fdevices%2Fd&sig=REDACTED&se=1893456000&skn=p"
	tests := []struct {
		name  string
		value interface {
			fmt.Stringer
			fmt.GoStringer
			slog.LogValuer
		}
		want string
	}{
		{"key", key, "REDACTED"},
		{"zero key", sas.Key{}, "REDACTED"},
		{"token", token, shownToken},
		{"zero token", sas.Token{}, ""},
		{
			"connection string with key",
			sas.ConnectionString{
				HostName: "h", GatewayHostName: "g", DeviceID: "d", ModuleID: "m",
				KeyName: "p", Key: key, UseDevelopmentEmulator: true,
			},
			"HostName=h;GatewayHostName=g;DeviceId=d;ModuleId=m;SharedAccessKeyName=p;SharedAccessKey=REDACTED;UseDevelopmentEmulator=true",
		},
		{
			"connection string with token",
			sas.ConnectionString{HostName: "h", DeviceID: "d", Token: token},
			"HostName=h;DeviceId=d;SharedAccessSignature=" + shownToken,
		},
		{"connection string with x509", sas.ConnectionString{HostName: "h", DeviceID: "d", X509: true}, "HostName=h;DeviceId=d;x509=true"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := map[string]string{"String": tt.value.String(), "GoString": tt.value.GoString(), "LogValue": tt.value.LogValue().String()}
			for _, verb := range "vsqxXd" {
				got["%"+string(verb)] = fmt.Sprintf("%"+string(verb), tt.value)
				got["%#"+string(verb)] = fmt.Sprintf("%#"+string(verb), tt.value)
			}
			var fromJSON string
			b, err := json.Marshal(tt.value)
			if err := errors.Join(err, json.Unmarshal(b, &fromJSON)); err != nil {
				t.Fatal(err)
			}
			got["JSON"] = fromJSON
			for how, text := range got {
				if text != tt.want {
					t.Errorf("%s = %q, want %q", how, text, tt.want)
				}
			}
		})
	}
}

// A redacted string pasted back must not pass for a good one.
func TestRedactedDoesNotParse(t *testing.T) {
	t.Parallel()
	key := mustKey(t, localKey)
	for _, c := range []sas.ConnectionString{
		{HostName: "h", DeviceID: "d", Key: key},
		{HostName: "h", DeviceID: "d", Token: sas.NewToken(key, "h/devices/d", "", distantFuture)},
	} {
		if _, err := sas.ParseConnectionString(c.String()); err == nil || !strings.Contains(err.Error(), "copied from a log") {
			t.Errorf("parsing %q: error %v, want the reason", c.String(), err)
		}
	}
}

// Errors about a string must not quote the secret in it, wherever it is torn.
func TestErrorsHideSecrets(t *testing.T) {
	t.Parallel()
	key := mustKey(t, localKey)
	token := sas.NewToken(key, "h/devices/d", "", distantFuture)
	sig := key.Sign("h%2Fdevices%2Fd\n1893456000")
	for _, whole := range []string{
		"HostName=h;DeviceId=d;SharedAccessKey=" + localKey,
		"HostName=h;DeviceId=d;SharedAccessSignature=" + token.Reveal(),
		token.Reveal(),
		localKey,
	} {
		for i := range whole {
			for _, insert := range []string{";", "=", "&", " ", "%", "\n", ";x=", "é"} {
				torn := whole[:i] + insert + whole[i:]
				for _, err := range parseErrors(torn) {
					checkHidesTail(t, err, base64.StdEncoding.EncodeToString(sig))
					checkHidesTail(t, err, localKey)
				}
			}
		}
	}
}

func parseErrors(text string) []error {
	_, err1 := sas.ParseConnectionString(text)
	_, err2 := sas.ParseToken(text)
	_, err3 := sas.ParseKey(text)
	_, err4 := sas.ParseDevice(text)
	_, err5 := sas.ParseService(text)
	return []error{err1, err2, err3, err4, err5}
}

// checkHidesTail looks for any eight characters of a secret.
func checkHidesTail(t *testing.T, err error, secret string) {
	t.Helper()
	for i := 0; i+8 <= len(secret); i++ {
		if strings.Contains(errText(err), secret[i:i+8]) {
			t.Fatalf("error %q holds a piece of a secret", err)
		}
	}
}
