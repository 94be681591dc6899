package console

import (
	"fmt"
	"io"
)

// Print writes text to the output.
func (c *Console) Print(text string) error {
	if _, err := io.WriteString(c.Out, text); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// PrintLine writes a line of text to the output, made safe for a terminal.
func (c *Console) PrintLine(format string, args ...any) error {
	return c.Print(Printable(fmt.Sprintf(format, args...)) + "\n")
}

// PrintJSON writes v to the output as JSON, in one line.
func (c *Console) PrintJSON(v any) error {
	line, err := JSON(v)
	if err != nil {
		return err
	}
	return c.Print(line + "\n")
}

// Note prints a line about what is going on, unless --quiet is given.
func (c *Console) Note(format string, args ...any) {
	if !c.Quiet {
		c.Say(format, args...)
	}
}

// Say prints a line on standard error. It may quote anything: what acts on a
// terminal is escaped, and what looks like a secret is taken out.
func (c *Console) Say(format string, args ...any) {
	_, _ = fmt.Fprintln(c.Stderr(), Printable(scrub(fmt.Sprintf(format, args...)))) // nowhere left to complain
}

// Stderr returns where lines for standard error go: past the progress, if it is
// shown.
func (c *Console) Stderr() io.Writer {
	if c.progress == nil {
		return c.Err
	}
	return c.progress
}
