package iothub_test

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
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

// TestEchoedTokenIsMasked wants a token that the hub repeats in what it says to be
// neither in the trace nor in the error.
func TestEchoedTokenIsMasked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const signature, jwt = "c2VjcmV0L3NlY3JldA%3D%3D", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzIn0.c2VjcmV0"
		const unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzIn0."
		hub := &fakeHub{t: t, transfer: func(c *fakeHubConn, channel uint16, id uint32) {
			c.outcome(channel, id, &amqpwire.Rejected{Error: &amqpwire.Error{
				Condition:   "amqp:not-allowed",
				Description: "not with SharedAccessSignature sr=hub&Sig=" + signature + "&se=1 nor sig%3D" + signature + ", nor Bearer " + jwt + ", nor " + unsigned + " nor Bearer " + jwt[:30],
				Info:        amqpwire.Map{{Key: amqpwire.Symbol("with"), Value: `{"token":"sr=hub&sig=` + signature + `"}`}},
			}})
		}}
		defer hub.served.Wait()
		var trace lockedBuffer
		s := hub.service(iothub.Options{Trace: &trace})
		err := s.Send(t.Context(), "dev1", &iothub.Message{})
		if err == nil || !strings.Contains(err.Error(), "sr=hub&Sig=REDACTED&se=1 nor sig%3DREDACTED, nor Bearer REDACTED, nor REDACTED nor Bearer REDACTED") {
			t.Errorf("Send = %v, want what the hub said without tokens", err)
		}
		if !strings.Contains(trace.String(), "Sig=REDACTED&se=1") {
			t.Errorf("the trace has no masked token:\n%s", trace.String())
		}
		for _, text := range []string{trace.String(), fmt.Sprintf("%v %+v", err, err)} {
			if strings.Contains(text, signature) || strings.Contains(text, jwt[:15]) {
				t.Errorf("a token is shown:\n%s", text)
			}
		}
		_ = s.Close(t.Context())
	})
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
	if err := service.Send(ctx, "dev1", &iothub.Message{ID: "id-1", Body: []byte("body"), Properties: map[string]any{"color": "red\x1b[31m"}}); err != nil {
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
