package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// printer shows messages and keeps the totals.
type printer struct {
	console  *console.Console
	template *template.Template // of --format; nil without
	dump     string             // directory for bodies; empty: none
	fleet    bool               // the messages are for many devices
	status   func() fleetStatus // of the fleet; nil before it connects

	total  int          // messages received
	shown  atomic.Int64 // total, for the goroutine that shows the progress
	began  atomic.Int64 // when the first came, in ns since 1970, for the same
	at     time.Time    // when the last message came
	bodies int          // files in dump

	latencies latencies // of the messages of a fleet, from when the hub had them

	mu     sync.Mutex // settlements end at any time
	counts map[outcome]int
	lost   int // locks
}

// newPrinter returns the printer that the flags describe.
func newPrinter(c *console.Console, f printFlags) (*printer, error) {
	p := &printer{console: c, dump: f.dump, counts: make(map[outcome]int)}
	var err error
	if f.format != "" {
		if p.template, err = parseFormat(f.format); err != nil {
			return nil, err
		}
	}
	if f.dump == "" {
		return p, nil
	}
	if err := os.MkdirAll(f.dump, 0o755); err != nil { //nolint:gosec // the user's own data, under the umask
		return nil, console.Usage(fmt.Errorf("--dump: %w", err), "")
	}
	return p, nil
}

// parseFormat reads a template, and tries it for fields that do not exist.
func parseFormat(text string) (*template.Template, error) {
	const hint = "the fields are .N .DeviceID .MessageID .Payload .Properties and so on, as in --output json; see https://pkg.go.dev/text/template"
	t, err := template.New("--format").Option("missingkey=zero").Parse(text + "\n")
	if err != nil {
		return nil, console.Usage(err, hint)
	}
	if err := t.Execute(io.Discard, event{}); err != nil && strings.Contains(err.Error(), "can't evaluate field") {
		return nil, console.Usage(err, hint)
	}
	return t, nil
}

// received shows a message that has just come, and returns its number.
func (p *printer) received(d *iothub.Delivery) (n int, err error) {
	n = p.total
	p.total++
	p.at = time.Now()
	if n == 0 {
		p.began.Store(p.at.UnixNano())
	}
	p.shown.Store(int64(p.total))
	if p.fleet {
		p.latencies.add(p.at.Sub(d.EnqueuedTime))
	}
	if p.dump != "" {
		if err := p.save(d.Body); err != nil {
			return n, fmt.Errorf("--dump: %w", err)
		}
	}
	if p.structured() {
		return n, nil // it is shown with its outcome: see decided
	}
	return n, p.console.Print(p.text(n, d))
}

// structured reports whether the output is for programs: JSON, or a template.
func (p *printer) structured() bool {
	return p.console.Output == console.OutputJSON || p.template != nil
}

// commandOutput returns where commands may print to: not into structured output.
func (p *printer) commandOutput() io.Writer {
	if p.structured() {
		return p.console.Err
	}
	return p.console.Out
}

// save writes a body to the next file that does not exist: there may be files of
// an earlier run.
func (p *printer) save(body []byte) error {
	for ; ; p.bodies++ {
		name := filepath.Join(p.dump, fmt.Sprintf("%06d", p.bodies))
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // as above
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.Write(body)
		return errors.Join(err, f.Close())
	}
}

// decided shows what the device will do with message n.
func (p *printer) decided(n int, d *iothub.Delivery, o outcome) error {
	switch {
	case p.template != nil:
		return p.templated(newEvent(n, d, o, p.at))
	case p.console.Output == console.OutputJSON:
		return p.printEvent(newEvent(n, d, o, p.at))
	case p.console.Verbose:
		return p.console.PrintText(p.console.OutLine().Add("    Settlement: ").Outcome(moods[o], "%s", o))
	}
	return nil
}

func (p *printer) printEvent(e event) error {
	line, err := e.line()
	if err != nil {
		return err
	}
	return p.console.Print(line)
}

// templated prints a message by --format.
func (p *printer) templated(e event) error {
	if p.console.OnTerminal() {
		e.MessageFields = e.Printable()
	}
	var b strings.Builder // a message is printed wholly or not at all
	if err := p.template.Execute(&b, e); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	return p.console.Print(b.String())
}

func (p *printer) settled(o outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[o]++
}

// finished returns how many messages have been settled, or left unsettled as the
// flags say.
func (p *printer) finished() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, count := range p.counts {
		n += count
	}
	return n
}

// lockLost shows that the settlement of message n came too late, or that its answer
// did not come: then the hub may have settled it.
func (p *printer) lockLost(n int, d *iothub.Delivery) error {
	p.console.Say("message %s: its lock was lost before the hub confirmed the settlement; it may come again", d.ID)
	return p.comesAgain(n, d)
}

// notSettled shows that the hub has refused a settlement: the lock runs out.
func (p *printer) notSettled(n int, d *iothub.Delivery, err error) error {
	p.console.Say("message %s: %v; it is delivered again when its lock has run out", d.ID, err)
	return p.comesAgain(n, d)
}

func (p *printer) comesAgain(n int, d *iothub.Delivery) error {
	p.mu.Lock()
	p.lost++
	p.mu.Unlock()
	if p.console.Output != console.OutputJSON || p.template != nil {
		return nil
	}
	return p.console.PrintJSON(lockLostEvent{"lockLost", n, d.DeviceID, d.ID})
}
