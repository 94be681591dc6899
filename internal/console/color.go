package console

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
)

// Color says whether text is coloured.
type Color string

// The choices of --color.
const (
	ColorAuto   Color = "auto" // on a terminal
	ColorAlways Color = "always"
	ColorNever  Color = "never"
)

// tint remembers whether a stream may be coloured.
type tint struct {
	once sync.Once
	on   bool
}

func (t *tint) of(c *Console, stream io.Writer) bool {
	t.once.Do(func() { t.on = c.colors(stream) })
	return t.on
}

// colors reports whether what is written to a stream may be coloured. NO_COLOR
// forbids it (no-color.org), unless the command line asks for it.
func (c *Console) colors(stream io.Writer) bool {
	switch c.Color {
	case ColorAlways:
		return true
	case ColorNever:
		return false
	}
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !isTerminal(stream) {
		return false
	}
	// Older consoles of Windows show the codes; newer ones set this variable.
	return runtime.GOOS != "windows" || os.Getenv("WT_SESSION") != ""
}

// Mood is what an outcome means to the user.
type Mood int

// The moods, and their colours.
const (
	Good Mood = 32 // green
	Fair Mood = 33 // yellow
	Bad  Mood = 31 // red
)

// Line is a line of text in which outcomes are coloured. The colour says nothing
// that the text does not say.
type Line struct {
	text    strings.Builder
	colored bool
}

// OutLine returns an empty line for the output, [Console.PrintText].
func (c *Console) OutLine() *Line {
	return &Line{colored: c.Output != OutputJSON && c.outTint.of(c, c.Out)}
}

// ErrLine returns an empty line for standard error, [Console.NoteText].
func (c *Console) ErrLine() *Line { return &Line{colored: c.errTint.of(c, c.Err)} }

// Add appends text, made safe for a terminal.
func (l *Line) Add(format string, args ...any) *Line {
	l.text.WriteString(Printable(fmt.Sprintf(format, args...)))
	return l
}

// usualLine is how many bytes most lines have.
const usualLine = 128

// Text appends texts, made safe for a terminal. It is [Line.Add] for what is printed
// for every message.
func (l *Line) Text(texts ...string) *Line {
	l.text.Grow(usualLine)
	for _, t := range texts {
		l.text.WriteString(Printable(t))
	}
	return l
}

// Outcome appends text in the colour of the mood.
func (l *Line) Outcome(m Mood, format string, args ...any) *Line {
	if !l.colored {
		return l.Add(format, args...)
	}
	fmt.Fprintf(&l.text, "\x1b[%dm", m) // ECMA-48, SGR
	l.Add(format, args...)
	l.text.WriteString("\x1b[0m")
	return l
}

// PrintText writes a line to the output.
func (c *Console) PrintText(l *Line) error {
	l.text.WriteByte('\n')
	return c.Print(l.text.String())
}

// NoteText prints a line about the run on standard error, unless --quiet is given.
func (c *Console) NoteText(l *Line) {
	if !c.Quiet {
		_, _ = io.WriteString(c.Stderr(), l.text.String()+"\n") // there is nowhere else to report it
	}
}
