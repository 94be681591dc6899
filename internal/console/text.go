package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Printable returns s with control characters escaped, and what is not UTF-8, so
// that nothing in it moves the cursor or colours a terminal. Text from the network
// goes through it.
func Printable(s string) string {
	if plain(s) || utf8.ValidString(s) && strings.IndexFunc(s, unsafeRune) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if unsafeRune(r) || r == utf8.RuneError && size == 1 {
			quoted := strconv.QuoteToASCII(s[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// plain reports whether s is nothing but the printable characters of ASCII, as most
// text is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// JSON returns v in one line. Like [Printable] it escapes control characters, but
// leaves <, > and & as they are.
func JSON(v any) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", fmt.Errorf("encode output: %w", err)
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if plain(text) || strings.IndexFunc(text, unsafeRune) < 0 {
		return text, nil
	}
	var escaped strings.Builder
	for _, r := range text { // outside of strings JSON has no unsafe runes, and inside \u is allowed
		if unsafeRune(r) {
			fmt.Fprintf(&escaped, `\u%04x`, r)
		} else {
			escaped.WriteRune(r)
		}
	}
	return escaped.String(), nil
}

// Span returns a duration to three digits or so, in the unit that suits it: 830µs,
// 2.31ms, 1.2s, 2m3s.
func Span(d time.Duration) string {
	for _, step := range []struct{ below, round time.Duration }{
		{time.Millisecond, time.Microsecond},
		{10 * time.Millisecond, 10 * time.Microsecond},
		{100 * time.Millisecond, 100 * time.Microsecond},
		{time.Second, time.Millisecond},
		{10 * time.Second, 10 * time.Millisecond},
		{time.Minute, 100 * time.Millisecond},
	} {
		if d < step.below {
			return d.Round(step.round).String()
		}
	}
	return d.Round(time.Second).String()
}

// Count returns a number of things, such as 1 byte and 2 bytes.
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// appendJSONText appends a text as [JSON] returns it.
func appendJSONText(b []byte, text string) []byte {
	if !plain(text) || strings.ContainsAny(text, `"\\`) {
		quoted, _ := JSON(text) // a text cannot fail
		return append(b, quoted...)
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// secrets are the parts of connection strings and tokens that must not be shown,
// and everything that looks like a key of 32 or 64 bytes. The "..." that hints
// have in place of a value is no secret.
var secrets = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`(?i)(SharedAccessKey\s*=\s*)[^;&\s"'.][^;&\s"']*`), "${1}REDACTED"},
	{regexp.MustCompile(`(?i)\bsig=[^;&\s"']*`), "REDACTED"},
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)+`), "REDACTED"}, // a JSON Web Token
	{regexp.MustCompile(`[A-Za-z0-9+/]{86}==|[A-Za-z0-9+/]{43}=`), "REDACTED"},
}

// scrub takes secrets out of text. Text that quotes the user's input may hold a
// connection string in the wrong place.
func scrub(s string) string {
	for _, secret := range secrets {
		s = secret.pattern.ReplaceAllString(s, secret.replacement)
	}
	return s
}

// scrubber is a writer that takes secrets out. A write is a whole line.
type scrubber struct{ to io.Writer }

func (s scrubber) Write(line []byte) (int, error) {
	if _, err := io.WriteString(s.to, scrub(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

// unsafeRune reports what must not reach a terminal as it is: control characters,
// and the invisible marks that reorder text. Tab and newline belong to them,
// because a line of output must stay a line.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
