package mqttwire

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestPasswordIsNotPrinted looks for a password wherever a packet may be printed.
func TestPasswordIsNotPrinted(t *testing.T) {
	t.Parallel()
	secret := "SharedAccessSignature sig=abc"
	p := &Connect{Username: new("u"), Password: Password(secret)}
	var out strings.Builder
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, format+"\n", p)
		fmt.Fprintf(&out, format+"\n", p.Password)
	}
	if err := json.NewEncoder(&out).Encode(p); err != nil {
		t.Error(err)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("", "packet", p, "password", p.Password)
	}
	for _, form := range []string{"%s", "%x", "%X", "%d"} {
		if text := strings.Trim(fmt.Sprintf(form, []byte(secret)), "[]"); strings.Contains(out.String(), text) {
			t.Errorf("the password is printed as %s", form)
		}
	}
	if b64, _ := json.Marshal([]byte(secret)); strings.Contains(out.String(), strings.Trim(string(b64), `"`)) {
		t.Error("the password is printed in base64")
	}
	if got := strings.Count(out.String(), redacted); got != 21 {
		t.Errorf("%d substitutes, want 21 in\n%s", got, out.String())
	}
}
