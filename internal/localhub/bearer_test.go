package localhub

import (
	"crypto"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/jwttest"
	"iothub-c2d/internal/localhub/broker"
)

// bearerOptions are those of a hub that takes tokens of the key.
func bearerOptions(t *testing.T, key crypto.Signer) Options {
	t.Helper()
	parsed, err := ParseBearerKey(jwttest.PublicPEM(key))
	if err != nil {
		t.Fatal(err)
	}
	return Options{BearerKey: parsed}
}

// TestBearerDialects puts tokens of Microsoft Entra ID as the SDKs do.
func TestBearerDialects(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	options := bearerOptions(t, key)
	for _, sdk := range []struct{ name, kind, resource string }{
		{"Node", "servicebus.windows.net:sastoken", "https://iothubs.azure.net/.default"},
		{"C#", "azure-devices.net:sastoken", "amqps://" + testHost + ":5671/"},
		{"Java", "Bearer", testHost},
		{"Python", "bearer", "https://" + testHost},
	} {
		t.Run(sdk.name, func(t *testing.T) {
			inWorld(t, options, func(t *testing.T, w *world) {
				c := w.begun()
				c.attachCBS()
				request := putTokenRequest("Bearer "+jwttest.Token("ES256", jwttest.Good(time.Hour), jwttest.ES256(key)), "id")
				request.ApplicationProperties[1].Value, request.ApplicationProperties[2].Value = sdk.kind, sdk.resource
				reply := c.request(request)
				if status, _ := reply.ApplicationProperties.Get("status-code"); status != int32(200) {
					t.Fatalf("put-token: %v", reply.ApplicationProperties)
				}
				c.Sender(0, serviceAddress)
				c.Receiver(1, feedbackAddress)
				wantHubError(t, c.WantRefused(rawclient.ReceiverAttach(2, deviceAddress), amqpserver.CondUnauthorized), int(broker.Unauthorized))
			})
		})
	}
}

// TestBearerRefusedOverAMQP puts tokens that are not good: the reply says 401 and why,
// and the connection may do nothing.
func TestBearerRefusedOverAMQP(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	good := jwttest.Good(time.Hour)
	for _, test := range []struct{ name, token, want string }{
		{"alg none", jwttest.Token("none", good, jwttest.None), `signed by "none"`},
		{"public key as a secret", jwttest.Token("HS256", good, jwttest.HS256(jwttest.PublicPEM(key))), `signed by "HS256"`},
		{"long", jwttest.Token("ES256", good.With("x", strings.Repeat("x", 5000)), jwttest.None), "signed with another key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, bearerOptions(t, key), func(t *testing.T, w *world) {
				c := w.begun()
				c.attachCBS()
				reply := c.request(putTokenRequest("Bearer "+test.token, "id"))
				status, _ := reply.ApplicationProperties.Get("status-code")
				if text := reply.ApplicationProperties.String("status-description"); status != int32(401) || !strings.Contains(text, test.want) {
					t.Errorf("status %v %q, want 401 and %q", status, text, test.want)
				}
				c.WantRefused(rawclient.SenderAttach(0, serviceAddress), amqpserver.CondUnauthorized)
			})
		})
	}
}

// TestBearerIsRenewed: a link lives by the renewed token, and ends with that, also if
// the new one is the shorter.
func TestBearerIsRenewed(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	options := bearerOptions(t, key)
	for _, test := range []struct {
		name   string
		second time.Duration // the life of the second token, put after 30 s
		want   time.Duration // the link's
	}{
		{"longer", 20 * time.Minute, 30*time.Second + 25*time.Minute},
		{"shorter", time.Minute, 30*time.Second + 6*time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, options, func(t *testing.T, w *world) {
				start := time.Now()
				c := w.begun()
				put := func(life time.Duration) {
					c.putToken("Bearer " + jwttest.Token("ES256", jwttest.Good(life), jwttest.ES256(key)))
				}
				put(10 * time.Minute)
				c.Receiver(1, feedbackAddress)
				time.Sleep(30 * time.Second)
				put(test.second)
				rawclient.WantCondition(t, "the link", c.alive(want[*amqpwire.Detach]).Error, amqpserver.CondUnauthorized)
				if got := time.Since(start); got != test.want {
					t.Errorf("detached after %v, want %v", got, test.want)
				}
			})
		})
	}
}
