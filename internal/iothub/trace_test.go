package iothub_test

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// lockedBuffer may be written by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestTrace expects the frames of a round trip in the trace, and neither the
// token, nor its signature, nor the key.
func TestTrace(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, address := startHub(t, nil)
	var trace lockedBuffer
	var token string
	cs := serviceString(t, address)
	service, err := iothub.DialService(ctx, cs, &iothub.Options{
		Trace: &trace,
		Tokens: func(context.Context) (iothub.Token, error) {
			token = newServiceToken().Reveal()
			return iothub.NewToken(token, "servicebus.windows.net:sastoken", time.Now().Add(time.Hour)), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Send(ctx, "dev1", &iothub.Message{ID: "id-1", Body: []byte("body"), Properties: map[string]string{"color": "red\x1b[31m"}}); err != nil {
		t.Fatal(err)
	}
	if err := service.Close(ctx); err != nil {
		t.Fatal(err)
	}
	got := trace.String()
	for _, want := range []string{
		`-> header "AMQP\x00\x01\x00\x00"`,
		`<- 0 open(container-id="`,
		`"operation": "put-token"`,
		`target=target(address="/messages/devicebound")`,
		`message-id="id-1"`,
		`"color": "red\x1b[31m"`,
		`data(4 bytes)`,
		`state=accepted()`,
		`-> 0 close()`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the trace has no %s:\n%s", want, got)
		}
	}
	for _, secret := range []string{token, "sig=", defaults.Key().Base64()} {
		if strings.Contains(got, secret) {
			t.Errorf("the trace shows a secret:\n%s", got)
		}
	}
	line := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} (->|<-) [[:print:]]+$`)
	for l := range strings.Lines(got) {
		if !line.MatchString(strings.TrimSuffix(l, "\n")) {
			t.Errorf("line %q is not of the form time, direction, frame", l)
		}
	}
}
