package console

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/sas"
)

func TestExpiryOfReadyMadeToken(t *testing.T) {
	t.Parallel()
	key := sas.NewKey([]byte("key"))
	for _, test := range []struct {
		name  string
		life  time.Duration // 0: a key, and no token
		quiet bool
		want  string // how the only line starts; empty: no line
	}{
		{"a key", 0, false, ""},
		{"valid", time.Hour, false, "The SharedAccessSignature is good until "},
		{"valid, quiet", time.Hour, true, ""},
		{"over", -time.Second, false, "Warning: by the clock of this machine the SharedAccessSignature expired at "},
		{"over, quiet", -time.Second, true, "Warning: by the clock of this machine the SharedAccessSignature expired at "},
	} {
		cs := sas.ConnectionString{HostName: "h", DeviceID: "d", Key: key}
		if test.life != 0 {
			cs.Key = sas.Key{}
			cs.Token = sas.NewToken(key, cs.Resource(), "", time.Now().Add(test.life))
		}
		var b bytes.Buffer
		c := &Console{Err: &b, Quiet: test.quiet}
		if _, err := c.ClientOptions(new(Settings), cs); err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(b.String(), "\n")
		if !strings.HasPrefix(b.String(), test.want) || test.want == "" && lines > 0 || lines > 1 {
			t.Errorf("%s: got %q, want %q", test.name, b.String(), test.want)
		}
	}
}
