package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"text/template"
	"time"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// printer shows messages and keeps the totals.
type printer struct {
	console  *console.Console
	settings *console.Settings
	format   string
	template *template.Template
	dump     string

	total  int          // messages received
	shown  atomic.Int64 // total, for the goroutine that shows the progress
	at     time.Time    // when the last was
	counts map[outcome]int
	lost   int // locks
	bodies int // files in dump
}

func (p *printer) addFlags(f *pflag.FlagSet) {
	f.StringVarP(&p.format, "format", "F", "", "print each message by this Go `TEMPLATE`, such as '{{.MessageID}} {{.Payload}}'")
	f.StringVar(&p.dump, "dump", "", "write each body to a new file in `DIR`: 000000, 000001, ...")
}

func (p *printer) prepare(c *console.Console, s *console.Settings) (err error) {
	p.console, p.settings, p.counts = c, s, make(map[outcome]int)
	if p.format != "" {
		if p.template, err = parseFormat(p.format); err != nil {
			return err
		}
	}
	if p.dump == "" {
		return nil
	}
	if err := os.MkdirAll(p.dump, 0o755); err != nil { //nolint:gosec // the user's own data, under the umask
		return console.Usage(fmt.Errorf("--dump: %w", err), "")
	}
	return nil
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

// received shows a message that has just come.
func (p *printer) received(d *iothub.Delivery) error {
	n := p.total
	p.total++
	p.shown.Store(int64(p.total))
	p.at = time.Now()
	if p.dump != "" {
		if err := p.save(d.Body); err != nil {
			return fmt.Errorf("--dump: %w", err)
		}
	}
	if p.structured() {
		return nil // it tells the outcome as well: see decided
	}
	return p.console.Print(p.text(n, d))
}

// structured reports whether the output is for programs: JSON, or a template.
func (p *printer) structured() bool {
	return p.settings.Output == console.OutputJSON || p.template != nil
}

// save writes a body to the next file that is not there yet: an earlier run may
// have left some.
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

// text is the tutorial's form.
func (p *printer) text(n int, d *iothub.Delivery) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Received Message [%d]:", n)
	text, encoding := console.Payload(d.Body)
	if encoding == "base64" {
		line("    Data (not UTF-8, shown as base64): <<<%s>>> & Size=%d", text, len(d.Body))
	} else {
		line("    Data: <<<%s>>> & Size=%d", console.Printable(text), len(d.Body))
	}
	properties, _ := console.JSON(d.Properties) // a map of strings: cannot fail
	line("    Properties: %s", properties)
	if p.settings.Verbose {
		b.WriteString(details(d))
	}
	line("    Total calls received: %d", n+1)
	return b.String()
}

// details is what -v adds.
func details(d *iothub.Delivery) string {
	var b strings.Builder
	for _, fact := range [][2]string{
		{"Message id", d.ID},
		{"Correlation id", d.CorrelationID},
		{"User id", d.UserID},
		{"Content type", d.ContentType},
		{"Content encoding", d.ContentEncoding},
		{"Sequence number", fmt.Sprint(d.SequenceNumber)},
		{"Delivery count", fmt.Sprint(d.DeliveryCount)},
		{"Enqueued", console.Timestamp(d.EnqueuedTime)},
		{"Expires", console.Timestamp(d.Expiry)},
	} {
		if fact[1] != "" {
			fmt.Fprintf(&b, "    %s: %s\n", fact[0], console.Printable(fact[1]))
		}
	}
	return b.String()
}

// decided shows what the device will do with the message.
func (p *printer) decided(d *iothub.Delivery, o outcome) error {
	switch e := newEvent(p.total-1, d, o, p.at); {
	case p.template != nil:
		if p.console.OnTerminal() {
			e.MessageFields = e.Printable()
		}
		var b strings.Builder // a message is printed wholly or not at all
		if err := p.template.Execute(&b, e); err != nil {
			return fmt.Errorf("--format: %w", err)
		}
		return p.console.Print(b.String())
	case p.settings.Output == console.OutputJSON:
		return p.console.PrintJSON(e)
	case p.settings.Verbose:
		return p.console.PrintLine("    Settlement: %s", o)
	}
	return nil
}

func (p *printer) settled(o outcome) { p.counts[o]++ }

// finished returns how many messages have been settled, or left unsettled on
// purpose.
func (p *printer) finished() (n int) {
	for _, count := range p.counts {
		n += count
	}
	return n
}

// lockLost tells that a settlement came too late.
func (p *printer) lockLost(d *iothub.Delivery) error {
	p.lost++
	p.console.Say("message %s: its lock was lost before it was settled; the hub delivers it again", d.ID)
	if p.settings.Output != console.OutputJSON || p.template != nil {
		return nil
	}
	return p.console.PrintJSON(lockLostEvent{"lockLost", p.total - 1, d.DeviceID, d.ID})
}

// progress tells in a few words how far the run has got.
func (p *printer) progress() string { return fmt.Sprintf("%d received", p.shown.Load()) }

// summary prints the totals.
func (p *printer) summary() (err error) {
	if p.settings.Output == console.OutputJSON && p.template == nil {
		err = p.console.PrintJSON(summaryEvent{
			"summary", p.total, p.counts[complete], p.counts[abandon], p.counts[reject], p.counts[none], p.lost,
		})
	}
	var parts []string
	for _, o := range []outcome{complete, abandon, reject, none} {
		if n := p.counts[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, past[o]))
		}
	}
	if p.lost > 0 {
		parts = append(parts, fmt.Sprintf("%d lost their lock", p.lost))
	}
	if n := p.total - p.finished() - p.lost; n > 0 {
		parts = append(parts, fmt.Sprintf("%d given back", n))
	}
	details := ""
	if len(parts) > 0 {
		details = ": " + strings.Join(parts, ", ")
	}
	p.console.Note("%d received%s.", p.total, details)
	return err
}
