package iothub_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
)

// TestTokenIsSecret prints a token in every way there is.
func TestTokenIsSecret(t *testing.T) {
	t.Parallel()
	const secret = "SECRET"
	token := iothub.NewToken("SharedAccessSignature sig="+secret, "a type", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if got := token.Reveal(); !strings.Contains(got, secret) {
		t.Errorf("Reveal() = %q, want the value", got)
	}
	const want = "token until 2026-01-02T03:04:05Z"
	printed := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		printed[verb] = fmt.Sprintf(verb, token)
		printed["hidden "+verb] = fmt.Sprintf(verb, struct{ token iothub.Token }{token})
		printed["pointed at "+verb] = fmt.Sprintf(verb, &token)
	}
	encoded, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	printed["json"] = string(encoded)
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text log": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json log": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("made", "token", token, "in", struct{ Token iothub.Token }{token})
		printed[name] = b.String()
	}
	for how, got := range printed {
		if strings.Contains(got, secret) || strings.Contains(got, fmt.Sprintf("%x", secret)) {
			t.Errorf("%s shows the secret: %s", how, got)
		}
		if !strings.HasPrefix(how, "hidden") && !strings.Contains(got, want) {
			t.Errorf("%s = %s, want %q in it", how, got, want)
		}
	}
	if got := (iothub.Token{}).Reveal(); got != "" {
		t.Errorf("Reveal() of nothing = %q", got)
	}
}
