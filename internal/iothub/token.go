package iothub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"iothub-c2d/internal/sas"
)

// Token is what a client shows the hub to be let in. Its value is a secret, and
// hidden from everything that prints.
type Token struct {
	Type    string // of the CBS put-token request
	Expires time.Time
	value   func() string // fmt shows no more of a function than where it is
}

// NewToken returns a token with the value.
func NewToken(value, typ string, expires time.Time) Token {
	return Token{Type: typ, Expires: expires, value: func() string { return value }}
}

// Reveal returns the value.
func (t Token) Reveal() string {
	if t.value == nil {
		return ""
	}
	return t.value()
}

// String returns no more than when the token expires.
func (t Token) String() string { return "token until " + t.Expires.UTC().Format(time.RFC3339) }

// GoString returns the same as String.
func (t Token) GoString() string { return t.String() }

// LogValue is the same as String.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalJSON writes the same as String.
func (t Token) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// Format writes the same as String, for every verb.
func (t Token) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, t.String()) // fmt's own buffer takes it
}

// TokenSource makes tokens, a new one for each renewal. Another kind of
// credential, such as Entra ID (see [NewBearer]), is another TokenSource.
type TokenSource func(ctx context.Context) (Token, error)

// sasTokenType is the token type of shared access signatures that all IoT Hub
// SDKs but C#'s send, and every hub takes.
const sasTokenType = "servicebus.windows.net:sastoken"

// defaultSASTTL is how long a token made from a key is valid.
const defaultSASTTL = time.Hour

// tokenSource returns where the tokens for a hub come from.
func tokenSource(cs sas.ConnectionString, o Options) TokenSource {
	if o.Tokens != nil {
		return o.Tokens
	}
	return signingSource(cs, o.SASTTL)
}

// signingSource returns a source of tokens signed with a key, or of the one
// ready-made token that the connection string holds. Whether that has expired is for
// the hub to say: it allows some minutes, and may have another clock.
func signingSource(cs sas.ConnectionString, ttl time.Duration) TokenSource {
	if ttl <= 0 {
		ttl = defaultSASTTL
	}
	return func(context.Context) (Token, error) {
		token := cs.Token
		if token.IsZero() {
			token = sas.NewToken(cs.Key, cs.Resource(), cs.KeyName, time.Now().Add(ttl))
		}
		return NewToken(token.Reveal(), sasTokenType, token.Expiry()), nil
	}
}
