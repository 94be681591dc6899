package iothub

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"iothub-c2d/internal/sas"
)

// defaultBearerTTL is how long a bearer token counts as valid that does not say when
// it expires. Those of Microsoft Entra ID do, and live for 60 to 90 minutes.
const defaultBearerTTL = time.Hour

// ErrNoWebToken says that a text is no JSON Web Token. It holds nothing of the text.
var ErrNoWebToken = errors.New("it is no JSON Web Token")

// NewBearer returns the token for an access token of Microsoft Entra ID, for
// [Options.Tokens]: a JSON Web Token in the compact form of RFC 7519. Only its expiry is
// looked at; to check it is up to the hub. The hub takes it as the C# and Node SDKs
// send it: on $cbs as if it were a shared access signature, behind the word Bearer, and
// so in HTTP's Authorization.
func NewBearer(text string) (Token, error) {
	expires, err := expiryOf(text)
	if err != nil {
		return Token{}, err
	}
	return NewToken("Bearer "+text, sasTokenType, expires), nil
}

// expiryOf returns what the claim exp says (RFC 7519 §4.1.4), or the default.
func expiryOf(text string) (time.Time, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || strings.ContainsAny(text, "\r\n") { // which package base64 passes over
		return time.Time{}, ErrNoWebToken
	}
	var header struct{}
	var claims struct {
		Exp *float64 `json:"exp"`
	}
	for i, v := range []any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, v) != nil {
			return time.Time{}, ErrNoWebToken
		}
	}
	if _, err := base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return time.Time{}, ErrNoWebToken
	}
	if claims.Exp == nil {
		return time.Now().Add(defaultBearerTTL), nil
	}
	return time.Unix(int64(max(0, min(*claims.Exp, sas.MaxExpiry))), 0), nil
}
