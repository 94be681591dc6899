package access

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// audience is whom a token of Microsoft Entra ID must be for. Source: Microsoft docs,
// "Control access to IoT Hub by using Microsoft Entra ID".
const audience = "https://iothubs.azure.net"

// maxBearer is how long a bearer token may be, in bytes. A put-token request with it
// fits into the first frames that a client may send.
const maxBearer = 7 << 10

// roles are the built-in roles of IoT Hub, and what they permit here. Source: the
// same document; that a token names them is a choice of this hub, since Azure looks
// them up.
var roles = map[string]Permission{
	"IoT Hub Data Contributor":     ServiceConnect | RegistryRead | RegistryWrite,
	"IoT Hub Data Reader":          RegistryRead,
	"IoT Hub Registry Contributor": RegistryRead | RegistryWrite,
	"IoT Hub Twin Contributor":     TwinRead,
}

// claims are what a token of Microsoft Entra ID says, as far as it matters here.
type claims struct {
	jwt.RegisteredClaims
	roles []string
}

// UnmarshalJSON reads the claims. Their names have a case (RFC 7519 §4), which package
// json does not look at where it fills a struct: ROLES would count as well.
func (c *claims) UnmarshalJSON(b []byte) error {
	var said map[string]json.RawMessage
	if err := json.Unmarshal(b, &said); err != nil {
		return err
	}
	var exp, nbf *float64
	for name, v := range map[string]any{"aud": &c.Audience, "exp": &exp, "nbf": &nbf, "roles": &c.roles} {
		if said[name] == nil {
			continue
		}
		if err := json.Unmarshal(said[name], v); err != nil {
			return err
		}
	}
	c.ExpiresAt, c.NotBefore = date(exp), date(nbf)
	return nil
}

// date returns the time of a claim. What no clock shows is at the end of time, where the
// library would begin again from the past.
func date(seconds *float64) *jwt.NumericDate {
	if seconds == nil {
		return nil
	}
	return jwt.NewNumericDate(time.Unix(int64(max(0, min(*seconds, sas.MaxExpiry))), 0))
}

func (c *claims) permissions() (p Permission) {
	for _, name := range c.roles {
		p |= roles[name]
	}
	return p
}

// Authorize verifies what HTTP requests and put-token requests show: the text of a
// token, as [Control.Verify] does, or of one of Microsoft Entra ID behind the word
// Bearer. Logins with a password know only the first.
func (c *Control) Authorize(text string, claimed broker.ID) (Grant, *broker.Refusal) {
	scheme, token, _ := strings.Cut(text, " ")
	if strings.EqualFold(scheme, "Bearer") {
		return c.verifyBearer(token)
	}
	return c.Verify(text, claimed)
}

// verifyBearer turns a token of Microsoft Entra ID into a grant for all of the hub.
// A device cannot have one: no role permits to be a device.
func (c *Control) verifyBearer(text string) (Grant, *broker.Refusal) {
	switch {
	case c.bearerKey == nil:
		return Grant{}, unauthorized("This hub was given no key for tokens of Microsoft Entra ID.")
	case len(text) > maxBearer:
		return Grant{}, unauthorized("The token is longer than %d bytes.", maxBearer)
	}
	var said claims
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{c.bearerKey.method.Alg()}),
		jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithLeeway(clockSkew),
	)
	token, err := parser.ParseWithClaims(text, &said, c.keyOf)
	if err != nil {
		return Grant{}, c.explainBearer(token, &said, err)
	}
	permissions := said.permissions()
	if permissions == 0 {
		return Grant{}, unauthorized("The token has no role of IoT Hub.")
	}
	end := said.ExpiresAt.Add(clockSkew)
	return Grant{Resource: audience, End: end, scopes: []sas.Scope{{}}, permissions: permissions, registry: c.registry}, nil
}

var errCritical = errors.New("the token has critical extensions")

// keyOf returns the key of a token. Its header is not believed, whatever key it names;
// extensions that must be understood are not known here (RFC 7515 §4.1.11).
func (c *Control) keyOf(t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical {
		return nil, errCritical
	}
	return c.bearerKey.public, nil
}

// explainBearer words why a bearer token is refused. The library's error may quote
// parts of the token.
func (c *Control) explainBearer(token *jwt.Token, said *claims, err error) *broker.Refusal {
	switch {
	case errors.Is(err, errCritical):
		return unauthorized("The token has critical extensions, and this hub knows none.")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid) && token.Method != c.bearerKey.method:
		return unauthorized("The token is signed by %q, not by %q.", token.Method.Alg(), c.bearerKey.method.Alg())
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return unauthorized("The token is signed with another key.")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return unauthorized("The token is for %q, not for %q.", strings.Join(said.Audience, " "), audience)
	case errors.Is(err, jwt.ErrTokenExpired):
		return unauthorized("The token expired at %s.", said.ExpiresAt.UTC().Format(time.RFC3339))
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return unauthorized("The token is not valid before %s.", said.NotBefore.UTC().Format(time.RFC3339))
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing) && said.ExpiresAt == nil:
		return unauthorized("The token does not say when it expires.")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return unauthorized("The token does not say whom it is for.")
	}
	return unauthorized("The token is no JSON Web Token.")
}
