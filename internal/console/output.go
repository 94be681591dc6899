package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// Output is the form of the output.
type Output string

// The forms of output.
const (
	OutputText Output = "text"
	OutputJSON Output = "json" // one object a line
)

// AddOutput registers the flag for the form of the output.
func (c *Console) AddOutput(cmd *cobra.Command) {
	c.Output = OutputText
	cmd.Flags().VarP(Choice(&c.Output, OutputText, OutputJSON), "output", "o", "form of the output: text or json")
}

// Print writes text to the output.
func (c *Console) Print(text string) error {
	to := c.Out
	if c.out != nil {
		to = c.out
	}
	if _, err := io.WriteString(to, text); err != nil {
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

// Note prints a line about the run on standard error, unless --quiet is given.
func (c *Console) Note(format string, args ...any) {
	if !c.Quiet {
		c.Say(format, args...)
	}
}

// Say prints a line on standard error. It may quote anything: what acts on a
// terminal is escaped, and what looks like a secret is taken out.
func (c *Console) Say(format string, args ...any) {
	_, _ = fmt.Fprintln(c.Stderr(), Printable(scrub(fmt.Sprintf(format, args...)))) // there is nowhere else to report it
}

// Stderr returns where to write lines for standard error: through the progress,
// if there is one, so that the two do not mix.
func (c *Console) Stderr() io.Writer {
	if c.progress == nil {
		return c.Err
	}
	return c.progress
}

// boundedWriter writes to w. After the end of the run a write gives up soon: to a
// pipe that is full, and that nobody reads, it would block for ever.
type boundedWriter struct {
	w     io.Writer
	ended <-chan struct{} // closed at the end of the run

	mu     sync.Mutex
	failed bool // a write gave up, and may still go on
}

// bounded returns a writer to a stream of the process. A file takes all that is
// written, so it is written to as it is.
func bounded(stream *os.File, ended <-chan struct{}) io.Writer {
	info, err := stream.Stat()
	if err == nil && (info.Mode().IsRegular() || isNull(info)) {
		return stream
	}
	return &boundedWriter{w: stream, ended: ended}
}

// writeTimeout is how long a write may take after the end of the run.
const writeTimeout = 500 * time.Millisecond

var errUnread = errors.New("nobody reads it")

// Write writes in a goroutine, which outlives a write that gives up.
func (b *boundedWriter) Write(text []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed {
		return 0, errUnread
	}
	done := make(chan struct{})
	text = bytes.Clone(text) // the caller may use it again
	var written int
	var failure error
	go func() {
		defer close(done)
		written, failure = b.w.Write(text)
	}()
	select {
	case <-done:
		return written, failure
	case <-b.ended:
	}
	select {
	case <-done:
		return written, failure
	case <-time.After(writeTimeout):
		b.failed = true
		return 0, errUnread
	}
}

// Logger returns where to log to: standard error with -v, else nowhere.
func (c *Console) Logger() *slog.Logger {
	if !c.Verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(scrubber{c.Stderr()}, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// OnTerminal reports whether the output goes to a terminal.
func (c *Console) OnTerminal() bool { return isTerminal(c.Out) }

// isTerminal reports whether a reader or a writer is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	return !isNull(info)
}

// isNull reports whether a file is the one that forgets all.
func isNull(file os.FileInfo) bool {
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(file, null)
}

// progress is a line on the terminal that says how far a run has got. Other
// lines are written through it: it takes its own line off first.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	shown bool
}

// The beginning of the line, and what clears to its end (ECMA-48). What is longer
// than a narrow window is cut off there, if it stands between noWrap and wrap
// (DECAWM): what wrapped could not be cleared. The cursor goes back to the beginning,
// so that the ^C which the terminal shows does not wrap either.
const (
	clearLine    = "\r\x1b[K"
	noWrap, wrap = "\x1b[?7l", "\x1b[?7h"
)

// Write takes the progress off the terminal and writes b in its place.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.clear(); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}

func (p *progress) clear() error {
	if !p.shown {
		return nil
	}
	p.shown = false
	_, err := io.WriteString(p.w, clearLine)
	return err
}

func (p *progress) show(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = true
	_, _ = io.WriteString(p.w, clearLine+noWrap+text+wrap+"\r") // nobody needs it
}

// Progress is shown for runs longer than progressDelay, and is updated every
// progressInterval.
const (
	progressDelay    = time.Second
	progressInterval = 200 * time.Millisecond
)

// ShowProgress shows text on standard error from time to time. The function stop
// ends that and takes the last line off. Nothing is shown with --quiet, if
// standard error is not a terminal, or if standard output is one: then the output
// itself shows how far the run has got.
func (c *Console) ShowProgress(text func() string) (stop func()) {
	if c.Quiet || c.progress == nil || !isTerminal(c.Err) || isTerminal(c.Out) {
		return func() {}
	}
	return c.progress.start(text)
}

func (p *progress) start(text func() string) (stop func()) {
	done := make(chan struct{})
	var shower sync.WaitGroup
	shower.Go(func() {
		timer := time.NewTimer(progressDelay)
		defer timer.Stop()
		for {
			select {
			case <-timer.C:
				p.show(Printable(text()))
				timer.Reset(progressInterval)
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		shower.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = p.clear() // nobody needs it
	}
}
