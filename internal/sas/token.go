package sas

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// tokenScheme starts every token; exactly one space follows it.
const tokenScheme = "SharedAccessSignature "

// Token is a shared access signature: who may do what on a hub until when,
// signed with a key (Microsoft docs, "Control access to IoT Hub with shared
// access signatures"). The zero Token means that there is none. Compare tokens
// with Equal; == does not compile.
type Token struct {
	_      [0]func()
	fields hidden[tokenFields]
}

type tokenFields struct {
	text        string // the whole token as received or made
	sr, se, skn string // as they stand in the text, not decoded
	sig         []byte
	expiry      int64 // Unix seconds
}

// NewToken signs a token for the resource, which is given unencoded, such as
// "hub.azure-devices.net/devices/dev1" (see [ConnectionString.Resource]). The
// policy is the name of the key, or empty for the key of a device or module. The
// hub takes the token until expiry, which is cut to whole seconds.
//
// Fields come in the order of Microsoft's C# and C SDKs: sr, sig, se, skn.
func NewToken(key Key, resource, policy string, expiry time.Time) Token {
	f := tokenFields{sr: Escape(resource), skn: Escape(policy), expiry: max(expiry.Unix(), 0)}
	f.se = strconv.FormatInt(f.expiry, 10)
	f.sig = key.Sign(f.signed())
	f.text = tokenText(f.sr, Escape(base64.StdEncoding.EncodeToString(f.sig)), f.se, f.skn)
	return Token{fields: hide(f)}
}

// ParseToken reads a token with its fields in any order, since the SDKs differ
// in it. It is strict otherwise: one space after SharedAccessSignature, nothing
// but printable ASCII, no unknown or repeated field. An empty skn, as some old
// SDKs send for a device, means no policy. The error never holds the signature.
func ParseToken(text string) (Token, error) {
	t, err := parseToken(text)
	if err != nil {
		return Token{}, fmt.Errorf("sas token: %w", err)
	}
	return t, nil
}

func parseToken(text string) (Token, error) {
	rest, ok := strings.CutPrefix(text, tokenScheme)
	if !ok {
		return Token{}, fmt.Errorf("does not start with %q", tokenScheme)
	}
	if strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Token{}, errors.New("holds white space or a character that is not ASCII")
	}
	raw, err := splitFields(rest)
	if err != nil {
		return Token{}, err
	}
	f := tokenFields{text: text, sr: raw["sr"], se: raw["se"], skn: raw["skn"]}
	if f.sig, err = decodeSignature(raw["sig"]); err != nil {
		return Token{}, err
	}
	if f.expiry, err = parseExpiry(f.se); err != nil {
		return Token{}, err
	}
	return Token{fields: hide(f)}, nil
}

// splitFields returns the raw values by name. Errors name fields by number,
// because an unknown name may be the end of a torn signature.
func splitFields(text string) (map[string]string, error) {
	raw := make(map[string]string, 4)
	for i, field := range strings.Split(text, "&") {
		// The first "=" only: a signature may end in unescaped ones.
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return nil, fmt.Errorf(`field %d has no "="`, i+1)
		}
		switch name {
		case "sr", "sig", "se", "skn":
		default:
			return nil, fmt.Errorf("field %d is none of sr, sig, se, skn", i+1)
		}
		if _, twice := raw[name]; twice {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		raw[name] = value
	}
	for _, name := range []string{"sr", "sig", "se"} {
		if raw[name] == "" {
			return nil, fmt.Errorf("%s is missing", name)
		}
	}
	return raw, nil
}

// decodeSignature takes "+", "/" and "=" escaped or not: Python leaves "/" as
// it is, and "+" is never a space here.
func decodeSignature(raw string) ([]byte, error) {
	if raw == redacted {
		return nil, fmt.Errorf("sig %w", errIsLogText)
	}
	text, err := url.PathUnescape(raw)
	if err != nil {
		// The error of net/url quotes the text.
		return nil, errors.New("sig is not valid percent encoding")
	}
	sig, err := decodeBase64(text)
	if err != nil {
		return nil, fmt.Errorf("sig %w", err)
	}
	return sig, nil
}

func parseExpiry(se string) (int64, error) {
	// Digits only; ParseInt would also take a sign.
	if strings.Trim(se, "0123456789") != "" {
		return 0, errors.New("se is not a number of seconds since 1970")
	}
	seconds, err := strconv.ParseInt(se, 10, 64)
	if err != nil {
		return 0, errors.New("se is too large")
	}
	return seconds, nil
}

// IsZero tells whether there is no token.
func (t Token) IsZero() bool { return t.fields.isZero() }

// Equal tells whether two tokens have the same wire text, in constant time for
// texts of one length.
func (t Token) Equal(other Token) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(other.Reveal())) == 1
}

// Reveal returns the text for the wire, exactly as received if the token was
// parsed. It holds the signature: do not log it.
func (t Token) Reveal() string { return t.fields.get().text }

// RawResource returns sr as it stands in the token. It is also the name that
// Microsoft's Node SDK gives to put-token.
func (t Token) RawResource() string { return t.fields.get().sr }

// Resource returns sr, percent-decoded once. It may then hold any character, line
// ends too. Use Covers to compare it.
func (t Token) Resource() string { return unescape(t.fields.get().sr) }

// Policy returns skn, the name of the policy whose key signed the token, decoded.
// It is empty for the key of a device or module.
func (t Token) Policy() string { return unescape(t.fields.get().skn) }

// MaxExpiry is the last second of year 9999, the last that JSON can show.
const MaxExpiry = 253402300799

// Expiry returns se in UTC, at most the end of year 9999. Whether that has
// passed, and how much clock skew to allow, is for the caller to decide.
func (t Token) Expiry() time.Time {
	return time.Unix(min(t.fields.get().expiry, MaxExpiry), 0).UTC()
}

// VerifiedBy tells whether one of the keys made the signature. A hub tries the
// primary and the secondary key; zero keys never match. It takes constant time
// and looks neither at the expiry nor at the scope.
func (t Token) VerifiedBy(keys ...Key) bool {
	if t.IsZero() {
		return false
	}
	fields, found := t.fields.get(), 0
	for _, key := range keys {
		if !key.IsZero() {
			found |= subtle.ConstantTimeCompare(key.Sign(fields.signed()), fields.sig)
		}
	}
	return found == 1
}

// signed is the text under the signature. It must be the raw sr: SDKs escape it
// in upper case, in lower case or not at all, and sign what they send.
func (f tokenFields) signed() string { return f.sr + "\n" + f.se }

func tokenText(sr, sig, se, skn string) string {
	text := tokenScheme + "sr=" + sr + "&sig=" + sig + "&se=" + se
	if skn != "" {
		text += "&skn=" + skn
	}
	return text
}
