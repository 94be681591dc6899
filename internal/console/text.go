package console

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Payload returns a body as text, and how: "utf8", or "base64" if it is none.
func Payload(body []byte) (text, encoding string) {
	if utf8.Valid(body) {
		return string(body), "utf8"
	}
	return base64.StdEncoding.EncodeToString(body), "base64"
}

// Timestamp returns t in UTC to the millisecond, "" for the zero time.
func Timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// Printable returns s with everything escaped that would act on a terminal
// instead of showing: control characters, and what is not UTF-8. Text from the
// wire goes through it.
func Printable(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, unsafeRune) < 0 {
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

// JSON returns v in one line. Like [Printable] it escapes what acts on a
// terminal, but leaves <, > and & as they are.
func JSON(v any) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", fmt.Errorf("encode output: %w", err)
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if strings.IndexFunc(text, unsafeRune) < 0 {
		return text, nil
	}
	var escaped strings.Builder
	for _, r := range text { // what is unsafe is inside a string, where \u may stand
		if unsafeRune(r) {
			fmt.Fprintf(&escaped, `\u%04x`, r)
		} else {
			escaped.WriteRune(r)
		}
	}
	return escaped.String(), nil
}

// secrets are the parts of connection strings and tokens that must not be
// shown, and whatever looks like a key of 32 or 64 bytes. Hints write "..." for
// a value.
var secrets = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`(?i)(SharedAccessKey\s*=\s*)[^;&\s"'.][^;&\s"']*`), "${1}REDACTED"},
	{regexp.MustCompile(`(?i)\bsig=[^;&\s"']*`), "REDACTED"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{86}==|[A-Za-z0-9+/]{43}=`), "REDACTED"},
}

// scrub takes secrets out of text that quotes what the user wrote, maybe a
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

// OnTerminal reports whether the output goes to a terminal.
func (c *Console) OnTerminal() bool { return isTerminal(c.Out) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// unsafeRune reports what must not reach a terminal as it is: controls, and
// the invisible marks that reorder text. Tab and newline only move forward, but
// a line of output must stay a line.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
