package console

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
)

// maxOutput is how much a command that prints a token may print, in bytes. Tokens of
// Microsoft Entra ID have 1 to 3 kB, and with a long list of groups 10.
const maxOutput = 16 << 10

var errFull = errors.New("it is full")

// boundedBuffer takes maxOutput bytes, and then fails, which ends who writes them, or else
// stop does. It does not embed the buffer, whose ReadFrom takes any number.
type boundedBuffer struct {
	text bytes.Buffer
	stop func()
	full bool
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.text.Len()+len(p) > maxOutput {
		b.full = true
		b.stop()
		return 0, errFull
	}
	return b.text.Write(p)
}

// tailBuffer keeps the last of what is written, maxOutput bytes at most.
type tailBuffer struct{ text []byte }

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.text = append(b.text, p...)
	b.text = append(b.text[:0], b.text[max(0, len(b.text)-maxOutput):]...)
	return len(p), nil
}

// secretRun matches what may be a secret, in what a command says.
var secretRun = regexp.MustCompile(`[A-Za-z0-9_.~+=-]{32,}`)

// tokenStart begins every JSON Web Token: it is {" in base64.
const tokenStart = "eyJ"

// lastWords returns the last line that a command has said on standard error, without
// secrets, as the end of a message. It may have repeated there what it has printed. If
// there may be a token, in one line or in many, nothing is safe to show.
func lastWords(said *tailBuffer, printed *boundedBuffer) string {
	text := strings.TrimSpace(string(said.text))
	if strings.Contains(strings.Join(strings.Fields(text), ""), tokenStart) {
		return ": what it says may hold a token, and is not shown"
	}
	if secret := strings.TrimSpace(printed.text.String()); secret != "" {
		text = strings.ReplaceAll(text, secret, "REDACTED")
	}
	lines := strings.Split(secretRun.ReplaceAllString(text, "REDACTED"), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	const most = 300 // bytes
	if len(last) > most {
		last = strings.ToValidUTF8(last[:most], "") + "…"
	}
	if last == "" {
		return ""
	}
	return ": " + last
}
