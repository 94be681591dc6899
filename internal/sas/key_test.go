package sas_test

import (
	"strings"
	"testing"

	"iothub-c2d/internal/sas"
)

func TestParseKey(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, wantErr string }{
		{"good", "c2VjcmV0", ""},
		{"padded", "cGFzc3dvcmQ=", ""},
		{"empty", "", "shared access key is empty"},
		{"no padding", "cGFzc3dvcmQ", "shared access key is not valid base64"},
		{"URL alphabet", "-_-_", "shared access key is not valid base64"},
		{"line end inside", "c2Vj\ncmV0", "shared access key is not valid base64"},
		{"carriage return at the end", "c2VjcmV0\r", "shared access key is not valid base64"},
		{"space inside", "c2Vj cmV0", "shared access key is not valid base64"},
		{"unused bits set", "cGFzc3dvcmR=", "shared access key is not valid base64"},
		{"our own redaction", "REDACTED", "shared access key is REDACTED: it was copied from a log, which hides it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, err := sas.ParseKey(tt.text)
			if got := errText(err); got != tt.wantErr {
				t.Fatalf("error %q, want %q", got, tt.wantErr)
			}
			if key.IsZero() != (err != nil) {
				t.Errorf("IsZero = %v with error %v", key.IsZero(), err)
			}
			if want := len(key.Base64())/4*3 - strings.Count(key.Base64(), "="); key.Len() != want {
				t.Errorf("Len = %d, want %d", key.Len(), want)
			}
			if err == nil && key.Base64() != tt.text {
				t.Errorf("Base64 = %q, want %q", key.Base64(), tt.text)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParseKeyErrorHidesKey(t *testing.T) {
	t.Parallel()
	const text = "hunter2hunter2!"
	_, err := sas.ParseKey(text)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v, want one without the key", err)
	}
}

func TestNewKeyCopies(t *testing.T) {
	t.Parallel()
	b := []byte("secret")
	key := sas.NewKey(b)
	b[0] = 'S'
	if got := key.Base64(); got != "c2VjcmV0" {
		t.Errorf("the key changed with the slice it was made of: %s", got)
	}
}

func TestKeyEqual(t *testing.T) {
	t.Parallel()
	a, b := sas.NewKey([]byte("a")), sas.NewKey([]byte("b"))
	tests := []struct {
		name string
		x, y sas.Key
		want bool
	}{
		{"same bytes", a, sas.NewKey([]byte("a")), true},
		{"other bytes", a, b, false},
		{"none and some", sas.Key{}, a, false},
		{"none and none", sas.Key{}, sas.NewKey(nil), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.x.Equal(tt.y); got != tt.want {
				t.Errorf("Equal = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestZeroKey(t *testing.T) {
	t.Parallel()
	var key sas.Key
	if !key.IsZero() || !sas.NewKey([]byte{}).IsZero() {
		t.Error("a key of no bytes is not zero")
	}
	if got := key.Base64(); got != "" {
		t.Errorf("Base64 = %q, want nothing", got)
	}
	if got := len(key.Sign("data")); got != 32 {
		t.Errorf("Sign gave %d bytes, want 32", got)
	}
}
