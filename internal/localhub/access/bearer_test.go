package access

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/jwttest"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// bearerControl returns the control of a hub that takes tokens of the key.
func bearerControl(t *testing.T, key crypto.Signer) *Control {
	t.Helper()
	parsed, err := ParseBearerKey(jwttest.PublicPEM(key))
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{HostNames: []string{testHost}, Policies: DefaultPolicies(), Registry: registryOf(t), BearerKey: parsed})
}

// TestBearerRoles checks what each role permits. None permits to be a device.
func TestBearerRoles(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	c := bearerControl(t, key)
	for _, test := range []struct {
		roles []string
		want  Permission // 0: the token is refused
	}{
		{[]string{"IoT Hub Data Contributor"}, ServiceConnect | RegistryRead | RegistryWrite},
		{[]string{"IoT Hub Data Reader"}, RegistryRead},
		{[]string{"IoT Hub Registry Contributor"}, RegistryRead | RegistryWrite},
		{[]string{"IoT Hub Twin Contributor"}, TwinRead},
		{[]string{"Reader", "IoT Hub Twin Contributor", "IoT Hub Data Reader"}, TwinRead | RegistryRead},
		{[]string{"iot hub data contributor"}, 0},
		{[]string{"Owner"}, 0},
		{nil, 0},
	} {
		text := "Bearer " + jwttest.Token("ES256", jwttest.Good(time.Hour).With("roles", test.roles), jwttest.ES256(key))
		g, refused := c.Authorize(text, broker.ID{})
		if (refused != nil) != (test.want == 0) {
			t.Errorf("%q: refused %v", test.roles, refused)
		}
		for _, p := range []Permission{ServiceConnect, DeviceConnect, RegistryRead, RegistryWrite, TwinRead} {
			for _, n := range []Need{{Permission: p}, {Permission: p, Endpoint: "/devices"}, {Permission: p, Of: device("d")}} {
				if got := !g.Until(n).IsZero(); got != (test.want&p != 0) {
					t.Errorf("%q permits %+v: %v", test.roles, n, got)
				}
			}
		}
	}
}

// TestBearerRefused shows tokens that are not good, and those that are forged.
func TestBearerRefused(t *testing.T) {
	t.Parallel()
	good := jwttest.Good(time.Hour)
	ago, ahead := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	key, otherKey, ec := jwttest.NewRSA(2048), jwttest.NewRSA(2048), jwttest.NewEC()
	c := bearerControl(t, key)
	sign := func(claims jwttest.Claims) string { return jwttest.Token("RS256", claims, jwttest.RS256(key)) }
	signed := func(header string, claims jwttest.Claims) string {
		return withHeader(t, header, jwttest.Token("", claims, jwttest.None), jwttest.RS256(key))
	}
	for _, test := range []struct{ name, token, want string }{
		{"good", sign(good), ""},
		{"one of several audiences", sign(good.With("aud", []string{"other", "https://iothubs.azure.net"})), ""},
		{"expired within the allowance", sign(good.With("exp", time.Now().Add(-4*time.Minute).Unix())), ""},
		{"fractions of seconds", sign(good.With("exp", float64(ahead.Unix())+0.5)), ""},
		{"no nbf", sign(good.With("nbf", nil)), ""},

		{"expiry at the end of time", sign(good.With("exp", 1e300)), ""},
		{"keys elsewhere", signed(`{"alg":"RS256","kid":"../x","jku":"http://127.0.0.1:1/","x5u":"http://127.0.0.1:1/"}`, good), ""},

		{"expired", sign(good.With("exp", ago.Unix())), "The token expired at " + ago.UTC().Format(time.RFC3339) + "."},
		{"never expires", sign(good.With("exp", nil)), "does not say when it expires"},
		{"expiry beyond time", sign(good.With("exp", -1e300)), "expired at"},
		{"not yet valid", sign(good.With("nbf", ahead.Unix())), "is not valid before " + ahead.UTC().Format(time.RFC3339)},
		{"valid at the end of time", sign(good.With("nbf", 1e300)), "is not valid before 9999-12-31T23:59:59Z"},
		{"expiry in words", sign(good.With("exp", "99999999999")), "no JSON Web Token"},
		{"expiry in another case", sign(good.With("exp", ago.Unix()).With("EXP", ahead.Unix())), "The token expired at"},
		{"roles in another case", sign(good.With("roles", nil).With("ROLES", good["roles"])), "has no role of IoT Hub"},
		{"roles in roles", sign(good.With("roles", []any{good["roles"]})), "no JSON Web Token"},
		{"payload not encoded", signed(`{"alg":"RS256","b64":false,"crit":["b64"]}`, good), "has critical extensions"},
		{"unknown extension", signed(`{"alg":"RS256","crit":["exp"],"exp":1}`, good), "has critical extensions"},
		{"wrong audience", sign(good.With("aud", "https://management.azure.com/")), `is for "https://management.azure.com/", not for "https://iothubs.azure.net"`},
		{"audience in capitals", sign(good.With("aud", "https://IoTHubs.azure.net")), "is for"},
		{"no audience", sign(good.With("aud", nil)), "does not say whom it is for"},
		{"audience of another type", sign(good.With("aud", 7)), "no JSON Web Token"},
		{"roles of another type", sign(good.With("roles", 7)), "no JSON Web Token"},
		{"no role", sign(good.With("roles", nil)), "has no role of IoT Hub"},

		{"wrong key", jwttest.Token("RS256", good, jwttest.RS256(otherKey)), "signed with another key"},
		{"no signature", jwttest.Token("RS256", good, jwttest.None), "signed with another key"},
		{"alg none", jwttest.Token("none", good, jwttest.None), `signed by "none", not by "RS256"`},
		{"alg None", jwttest.Token("None", good, jwttest.None), "no JSON Web Token"},
		{"public key as a secret", jwttest.Token("HS256", good, jwttest.HS256(jwttest.PublicPEM(key))), `signed by "HS256", not by "RS256"`},
		{"another algorithm of the key", jwttest.Token("PS256", good, jwttest.RS256(key)), `signed by "PS256"`},
		{"another kind of key", jwttest.Token("ES256", good, jwttest.ES256(ec)), `signed by "ES256"`},
		{"an algorithm of the wrong kind", jwttest.Token("RS256", good, jwttest.ES256(ec)), "signed with another key"},
		{"changed", forge(sign(good.With("roles", nil)), good), "signed with another key"},

		{"empty", "", "no JSON Web Token"},
		{"two parts", "eyJhbGciOiJSUzI1NiJ9.e30", "no JSON Web Token"},
		{"four parts", sign(good) + ".x", "no JSON Web Token"},
		{"no base64", "a.b!.c", "no JSON Web Token"},
		{"blank before", " " + sign(good), "no JSON Web Token"},
		{"too long", sign(good.With("groups", strings.Repeat("g", 8<<10))), "longer than 7168 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, refused := c.Authorize("Bearer "+test.token, broker.ID{})
			switch {
			case test.want == "" && refused != nil:
				t.Errorf("refused: %v", refused)
			case test.want != "" && (refused == nil || refused.Code != broker.Unauthorized || !strings.Contains(refused.Message, test.want)):
				t.Errorf("got %v, want %q", refused, test.want)
			}
		})
	}
}

// forge returns a token with other claims under the same signature.
func forge(token string, claims jwttest.Claims) string {
	parts := strings.Split(token, ".")
	parts[1] = strings.Split(jwttest.Token("RS256", claims, jwttest.None), ".")[1]
	return strings.Join(parts, ".")
}

// withHeader returns a token with another header, signed with it.
func withHeader(t *testing.T, header, token string, sign jwttest.Sign) string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + strings.Split(token, ".")[1]
	return text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text)))
}

// TestBearerPlaces: only where a token is told from a password, and only on a hub
// that has a key, one of Microsoft Entra ID is taken.
func TestBearerPlaces(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	c := bearerControl(t, key)
	token := jwttest.Token("ES256", jwttest.Good(time.Hour), jwttest.ES256(key))
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER "} {
		if _, refused := c.Authorize(scheme+token, broker.ID{}); refused != nil {
			t.Errorf("%s: %v", scheme, refused)
		}
	}
	for _, text := range []string{token, "Bearer" + token, "Basic " + token, "Bearer\t" + token} {
		if _, refused := c.Authorize(text, broker.ID{}); refused == nil {
			t.Errorf("%.10s: taken", text)
		}
	}
	for _, user := range []string{"service@sas.root.myhub", "@sas.root.myhub", "dev1@sas.myhub"} {
		if _, refused := c.Login(user, "Bearer "+token); refused == nil {
			t.Errorf("%s has logged in", user)
		}
	}
	_, refused := controlOf(t).Authorize("Bearer "+token, broker.ID{})
	if refused == nil || !strings.Contains(refused.Message, "was given no key") {
		t.Errorf("got %v from a hub without a key", refused)
	}
}

// TestBearerEnds: a grant ends with its token, after the same allowance for clocks as
// others, and a renewed one takes its place.
func TestBearerEnds(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	synctest.Test(t, func(t *testing.T) {
		c := bearerControl(t, key)
		const life = time.Hour
		begin := time.Now()
		send := Need{Permission: ServiceConnect, Endpoint: "/messages/devicebound"}
		var grants Grants
		for n := range 3 {
			g, refused := c.Authorize("Bearer "+jwttest.Token("ES256", jwttest.Good(life), jwttest.ES256(key)), broker.ID{})
			if refused != nil {
				t.Fatal(refused)
			}
			if refused := grants.Add(g); refused != nil || len(grants) != 1 {
				t.Errorf("%d grants, refused %v", len(grants), refused)
			}
			want := begin.Add(time.Duration(n)*time.Minute + life + clockSkew)
			if got := grants.Until(send); !got.Equal(want) {
				t.Errorf("it ends %v, want %v", got, want)
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(life + clockSkew)
		if got := grants.Until(send); !got.IsZero() {
			t.Errorf("it still lives, until %v", got)
		}
	})
}

func TestBearerForEver(t *testing.T) {
	t.Parallel()
	key := jwttest.NewEC()
	text := jwttest.Token("ES256", jwttest.Good(0).With("exp", int64(1)<<52), jwttest.ES256(key))
	g, refused := bearerControl(t, key).Authorize("Bearer "+text, broker.ID{})
	if want := time.Unix(sas.MaxExpiry, 0).Add(clockSkew); refused != nil || !g.End.Equal(want) {
		t.Errorf("got %v, %v, want %v", g.End, refused, want)
	}
}

func TestParseBearerKey(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(jwttest.NewEC())
	if err != nil {
		t.Fatal(err)
	}
	block := func(name string, bytes []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: name, Bytes: bytes})
	}
	for _, test := range []struct {
		name string
		text []byte
		want string
	}{
		{"RSA", jwttest.PublicPEM(jwttest.NewRSA(2048)), ""},
		{"P-256", jwttest.PublicPEM(jwttest.NewEC()), ""},
		{"text before", append([]byte("a key\n"), jwttest.PublicPEM(jwttest.NewEC())...), ""},
		{"short RSA", jwttest.PublicPEM(jwttest.NewRSA(1024)), "its RSA key has 1024 bits, less than 2048"},
		{"P-384", jwttest.PublicPEM(p384), "neither RSA nor of the curve P-256"},
		{"private", block("PRIVATE KEY", private), "it holds a private key, not the public one"},
		{"private, older", block("EC PRIVATE KEY", nil), "it holds a private key"},
		{"certificate", block("CERTIFICATE", nil), "it holds a CERTIFICATE, not a PUBLIC KEY"},
		{"damaged", block("PUBLIC KEY", []byte("x")), "asn1"},
		{"no PEM", []byte("secret"), "it holds nothing in PEM form"},
		{"empty", nil, "it holds nothing in PEM form"},
	} {
		key, err := ParseBearerKey(test.text)
		switch {
		case test.want == "" && (err != nil || key == nil):
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

// FuzzAuthorize shows whatever it finds: nothing but a token that the key has signed
// is taken, and no refusal repeats more than a part of what was shown.
func FuzzAuthorize(f *testing.F) {
	key := jwttest.NewEC()
	parsed, err := ParseBearerKey(jwttest.PublicPEM(key))
	if err != nil {
		f.Fatal(err)
	}
	c := New(Options{HostNames: []string{testHost}, Registry: registryOf(f), BearerKey: parsed})
	other := jwttest.ES256(jwttest.NewEC())
	for _, token := range []string{
		jwttest.Token("ES256", jwttest.Good(time.Hour), other),
		jwttest.Token("none", jwttest.Good(time.Hour), jwttest.None),
		jwttest.Token("HS256", jwttest.Good(time.Hour), jwttest.HS256(jwttest.PublicPEM(key))),
		jwttest.Token("ES256", jwttest.Claims{"exp": 1e300, "nbf": -1e300, "aud": []string{}}, other),
		"eyJhbGciOiJFUzI1NiJ9.e30.", "..", "a.b.c", "e30.e30.e30", "",
	} {
		f.Add("Bearer " + token)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, refused := c.Authorize(text, broker.ID{})
		if refused == nil {
			t.Fatalf("taken: %+v", g)
		}
		if len(refused.Message) > 1<<10 {
			t.Errorf("refused with %d bytes", len(refused.Message))
		}
	})
}
