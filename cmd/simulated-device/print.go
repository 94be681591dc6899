package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"text/template"

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
	counts map[outcome]int
	lost   int // locks
}

func (p *printer) addFlags(f *pflag.FlagSet) {
	f.StringVarP(&p.format, "format", "F", "", "print each message by this Go `TEMPLATE`, such as '{{.MessageID}} {{.Payload}}'")
	f.StringVar(&p.dump, "dump", "", "write each body to a file in `DIR`")
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
	t, err := template.New("--format").Parse(text + "\n")
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
	if p.dump != "" {
		name := filepath.Join(p.dump, fmt.Sprintf("%06d", n))
		if err := os.WriteFile(name, d.Body, 0o644); err != nil { //nolint:gosec // as above
			return fmt.Errorf("--dump: %w", err)
		}
	}
	if p.settings.Output == console.OutputJSON || p.template != nil {
		return nil // they tell the outcome as well: see decided
	}
	return p.write(p.text(n, d))
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
	switch e := newEvent(p.total-1, d, o); {
	case p.template != nil:
		if p.console.OnTerminal() {
			e = e.printable()
		}
		var b strings.Builder // a message is printed wholly or not at all
		if err := p.template.Execute(&b, e); err != nil {
			return fmt.Errorf("--format: %w", err)
		}
		return p.write(b.String())
	case p.settings.Output == console.OutputJSON:
		return p.json(e)
	case p.settings.Verbose:
		return p.write(fmt.Sprintf("    Settlement: %s\n", o))
	}
	return nil
}

func (p *printer) settled(o outcome) { p.counts[o]++ }

// lockLost tells that a settlement came too late.
func (p *printer) lockLost(d *iothub.Delivery) {
	p.lost++
	p.console.Say("message %s: its lock was lost before it was settled; the hub delivers it again", d.ID)
}

// progress tells in a few words how far the run has got.
func (p *printer) progress() string { return fmt.Sprintf("%d received", p.shown.Load()) }

// summary prints the totals.
func (p *printer) summary() {
	if p.settings.Output == console.OutputJSON && p.template == nil {
		_ = p.json(summaryEvent{
			"summary", p.total, p.counts[complete], p.counts[abandon], p.counts[reject], p.counts[none], p.lost,
		})
	}
	if p.settings.Quiet {
		return
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
	details := ""
	if len(parts) > 0 {
		details = ": " + strings.Join(parts, ", ")
	}
	p.console.Say("%d received%s.", p.total, details)
}

func (p *printer) json(v any) error {
	line, err := console.JSON(v)
	if err != nil {
		return err
	}
	return p.write(line + "\n")
}

func (p *printer) write(s string) error {
	if _, err := io.WriteString(p.console.Out, s); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
