package iothub

import (
	"io"
	"regexp"
)

// A hub may say in an error, or anywhere else, which token it does not like.
var (
	signature = regexp.MustCompile(`(?i)\b(sig(?:=|%3d))[a-z0-9%+/=_~.-]+`)  // of a shared access signature
	webToken  = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)+`) // JWT, as of Entra ID (RFC 7519)
	bearer    = regexp.MustCompile(`(?i)\b(bearer )[A-Za-z0-9_.~+/=-]{16,}`) // likewise, also if it is cut off
)

// mask returns text without the tokens in it.
func mask(text string) string {
	text = signature.ReplaceAllString(text, "${1}REDACTED")
	return bearer.ReplaceAllString(webToken.ReplaceAllString(text, "REDACTED"), "${1}REDACTED")
}

// maskingWriter takes lines, each in one Write, and masks the tokens in them.
type maskingWriter struct{ w io.Writer }

func (m maskingWriter) Write(line []byte) (int, error) {
	if _, err := io.WriteString(m.w, mask(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}
