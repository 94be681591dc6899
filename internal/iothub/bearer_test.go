package iothub_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/jwttest"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/sas"
)

func TestNewBearer(t *testing.T) {
	t.Parallel()
	part := base64.RawURLEncoding.EncodeToString
	with := func(claims string) string {
		return part([]byte(`{"alg":"RS256"}`)) + "." + part([]byte(claims)) + ".c2ln"
	}
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			text string
			want int64 // Unix seconds; -1: it is no token
		}{
			{with(`{"exp":1800000000}`), 1800000000},
			{with(`{"exp":1800000000.9}`), 1800000000},
			{with(`{"exp":1.8e9,"aud":["x"]}`), 1800000000},
			{with(`{}`), time.Now().Add(time.Hour).Unix()},
			{with(`{"exp":null}`), time.Now().Add(time.Hour).Unix()},
			{with(`{"exp":1e300}`), sas.MaxExpiry},
			{with(`{"exp":-1e300}`), 0},
			{part([]byte("{}")) + "." + part([]byte(`{"exp":7}`)) + ".", 7}, // alg none has no signature
			{with(`{"exp":"soon"}`), -1},
			{with(`[]`), -1},
			{with(`{`), -1},
			{"e30.e30", -1},
			{"e30.e30.x.y.z", -1},
			{"e30.e30=.", -1},
			{"e30.e3 0.", -1},
			{"e30.e30.!", -1},
			{"e30.\re30.e30", -1},
			{"e30.e30.e3\n0", -1},
			{"..", -1},
			{"", -1},
		} {
			token, err := iothub.NewBearer(test.text)
			if test.want < 0 {
				if !errors.Is(err, iothub.ErrNoWebToken) {
					t.Errorf("%s: got %v, want %v", test.text, err, iothub.ErrNoWebToken)
				}
				continue
			}
			if err != nil || token.Expires.Unix() != test.want || token.Reveal() != "Bearer "+test.text || token.Type != "servicebus.windows.net:sastoken" {
				t.Errorf("%s: got %q %q, %v, want it to expire at %d", test.text, token, token.Type, err, test.want)
			}
		}
	})
}

func FuzzNewBearer(f *testing.F) {
	f.Add("e30.eyJleHAiOjE4MDAwMDAwMDB9.")
	f.Add(jwttest.Token("none", jwttest.Claims{"exp": 1e300}, jwttest.None))
	f.Fuzz(func(t *testing.T, text string) {
		token, err := iothub.NewBearer(text)
		switch {
		case err != nil && (!errors.Is(err, iothub.ErrNoWebToken) || err.Error() != iothub.ErrNoWebToken.Error()):
			t.Errorf("got %v", err)
		case err == nil && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != "":
			t.Errorf("%q is no word, but a token", text)
		case err == nil && (token.Reveal() != "Bearer "+text || token.Expires.Before(time.Unix(0, 0)) || token.Expires.Year() > 9999):
			t.Errorf("%q: got %s", text, token)
		}
	})
}

// TestBearer sends, reads feedback, purges and reads the registry with tokens of
// Microsoft Entra ID, over every transport that a service has.
func TestBearer(t *testing.T) {
	t.Parallel()
	key := jwttest.NewRSA(2048)
	parsed, err := localhub.ParseBearerKey(jwttest.PublicPEM(key))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range transports() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			hub, address := startHub(t, &localhub.Options{BearerKey: parsed})
			cs, options := w.service(t, hub, address)
			options = withTokens(options, func() string { return jwttest.Token("RS256", jwttest.Good(time.Hour), jwttest.RS256(key)) })
			cs.Key, cs.KeyName, cs.Token = sas.Key{}, "", sas.Token{}
			checkBearer(t, cs, options)
		})
	}
}

// withTokens returns the options with a source of bearer tokens.
func withTokens(o *iothub.Options, source func() string) *iothub.Options {
	var with iothub.Options
	if o != nil {
		with = *o
	}
	with.Tokens = func(context.Context) (iothub.Token, error) { return iothub.NewBearer(source()) }
	return &with
}

func checkBearer(t *testing.T, cs sas.ConnectionString, options *iothub.Options) {
	t.Helper()
	service, err := iothub.DialService(t.Context(), cs, options)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close(t.Context())
	feedback, err := service.ReceiveFeedback(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Send(t.Context(), "dev1", &iothub.Message{ID: "m1", Ack: iothub.AckFull}); err != nil {
		t.Fatal(err)
	}
	if d, err := iothub.ReadDevice(t.Context(), cs, "dev1", options); err != nil || d.Messages != 1 {
		t.Errorf("got %+v, %v", d, err)
	}
	if n, err := iothub.Purge(t.Context(), cs, "dev1", options); err != nil || n != 1 {
		t.Errorf("purged %d, %v", n, err)
	}
	batch, err := feedback.Receive(t.Context())
	if err != nil || len(batch.Records) != 1 || batch.Records[0].MessageID != "m1" {
		t.Errorf("got %+v, %v", batch, err)
	}
}

// TestBearerIsRenewedInTime sends over a day: each token is followed by the next when
// 85 % of its life have passed, and nothing else happens to the connection.
func TestBearerIsRenewedInTime(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	parsed, err := localhub.ParseBearerKey(jwttest.PublicPEM(key))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		const day, life = 24 * time.Hour, time.Hour
		w := newWorld(t, int(day/time.Hour), localhub.Options{BearerKey: parsed, MaxQueue: 100, DefaultTTL: 2 * day})
		defer w.close()
		log := newLogbook()
		var asked []time.Time
		s := w.service(t.Context(), iothub.Options{
			Logger: slog.New(log), NoReconnect: true,
			Tokens: func(context.Context) (iothub.Token, error) {
				asked = append(asked, time.Now())
				return iothub.NewBearer(jwttest.Token("ES256", jwttest.Good(life), jwttest.ES256(key)))
			},
		})
		for n := range int(day / time.Hour) {
			time.Sleep(time.Hour)
			if err := w.send(t.Context(), s, "dev1", n); err != nil {
				t.Fatal(err)
			}
		}
		w.closeService(s)
		for i := range len(asked) - 1 {
			if got, want := asked[i+1].Sub(asked[i]), 51*time.Minute; got.Round(time.Second) != want {
				t.Errorf("token %d lasted %v, want %v", i, got, want)
			}
		}
		if renewed := log.counted("token renewed"); renewed != len(asked)-1 || renewed != int(day/(51*time.Minute)) {
			t.Errorf("%d tokens, %d renewals", len(asked), renewed)
		}
	})
}

// TestBearerCache: a source may have the same token for a while, as az has, until few
// minutes of its life are left. Until then it is asked again in time, and not often.
func TestBearerCache(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	parsed, err := localhub.ParseBearerKey(jwttest.PublicPEM(key))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		const life, left = 70 * time.Minute, 5 * time.Minute
		w := newWorld(t, 1, localhub.Options{BearerKey: parsed})
		defer w.close()
		asked, made := 0, time.Time{}
		var token string
		s := w.service(t.Context(), iothub.Options{NoReconnect: true, Tokens: func(context.Context) (iothub.Token, error) {
			asked++
			if time.Since(made) > life-left {
				made, token = time.Now(), jwttest.Token("ES256", jwttest.Good(life), jwttest.ES256(key))
			}
			return iothub.NewBearer(token)
		}})
		time.Sleep(10 * life)
		if err := w.send(t.Context(), s, "dev1", 0); err != nil {
			t.Error(err)
		}
		w.closeService(s)
		if asked > 30 {
			t.Errorf("it was asked %d times", asked)
		}
	})
}

// TestFailingSource: a source that fails at a renewal is asked again until the token
// dies, and nothing is lost if it comes back.
func TestFailingSource(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	parsed, err := localhub.ParseBearerKey(jwttest.PublicPEM(key))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		const life = 20 * time.Minute
		w := newWorld(t, 1, localhub.Options{BearerKey: parsed})
		defer w.close()
		begin, asked := time.Now(), 0
		failing := func() bool { d := time.Since(begin); return d > life/2 && d < life }
		s := w.service(t.Context(), iothub.Options{NoReconnect: true, Tokens: func(context.Context) (iothub.Token, error) {
			if asked++; failing() {
				return iothub.Token{}, fmt.Errorf("not now")
			}
			return iothub.NewBearer(jwttest.Token("ES256", jwttest.Good(life), jwttest.ES256(key)))
		}})
		time.Sleep(2 * life)
		if err := w.send(t.Context(), s, "dev1", 0); err != nil {
			t.Error(err)
		}
		w.closeService(s)
		if most := int(life*15/100/(5*time.Second)) + 10; asked < 10 || asked > most {
			t.Errorf("it was asked %d times, want 10 to %d", asked, most)
		}
	})
}

// TestBearerIsSecret wants a token to be in no trace, error or log.
func TestBearerIsSecret(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	_, address := startHub(t, nil) // which takes no such token
	good := jwttest.Good(time.Hour)
	for _, token := range []string{
		jwttest.Token("ES256", good, jwttest.ES256(key)),
		jwttest.Token("none", good, jwttest.None),
		jwttest.Token("ES256", good.With("long", strings.Repeat("x", 4000)), jwttest.ES256(key)),
	} {
		var trace, log lockedBuffer
		cs := serviceString(t, address)
		options := &iothub.Options{Trace: &trace, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		options.Tokens = func(context.Context) (iothub.Token, error) {
			return iothub.NewToken("Bearer "+token, "servicebus.windows.net:sastoken", time.Now().Add(time.Hour)), nil
		}
		_, err := iothub.DialService(t.Context(), cs, options)
		_, purgeErr := iothub.Purge(t.Context(), cs, "dev1", options)
		if !errors.Is(err, iothub.ErrUnauthorized) || !errors.Is(purgeErr, iothub.ErrUnauthorized) {
			t.Errorf("got %v and %v, want them refused", err, purgeErr)
		}
		for _, text := range []string{trace.String(), log.String(), fmt.Sprintf("%+v %+v", err, purgeErr)} {
			for part := range strings.SplitSeq(strings.TrimSuffix(token, "."), ".") {
				if strings.Contains(text, part[:min(20, len(part))]) {
					t.Errorf("a part of the token is in\n%s", text)
				}
			}
		}
		if !strings.Contains(trace.String(), `"put-token"`) {
			t.Errorf("the trace has no request:\n%s", trace.String())
		}
	}
}
