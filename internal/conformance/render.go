package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// JSON returns the report for programs.
func (r *Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}

// Summary returns the report in a line.
func (r *Report) Summary() string {
	text := fmt.Sprintf("%d beliefs: %d hold, %d differ, %d could not be tried; %d messages over %s in %s.",
		len(r.Results), r.Count(Holds), r.Count(Differs), r.Count(Untried), r.Messages, r.Protocol, r.Took.Round(time.Second))
	if r.Interrupted {
		text += " It was interrupted."
	}
	return text
}

// WriteText writes the report for a terminal: a line for each belief, and more of
// those that do not hold.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, result := range r.Results {
		fmt.Fprintf(&b, "%-18s  %s\n", result.Verdict, result.Belief)
		switch result.Verdict {
		case Differs:
			fmt.Fprintf(&b, "%-18s  this hub:  %s\n%-18s  local hub: %s\n%-18s  source:    %s\n", "", result.Hub, "", result.Local, "", result.Source)
		case Untried:
			fmt.Fprintf(&b, "%-18s  %s\n", "", result.Why)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.Summary())
	if r.Left != "" {
		fmt.Fprintf(&b, "Something is left on the hub:\n%s\n", r.Left)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Markdown returns the report for people: a table, and a trace of each difference.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Beliefs about IoT Hub, held against a hub\n\n%s, %s The front end: %s.\n\n", r.Began.UTC().Format(time.DateOnly), r.Summary(), r.Front)
	b.WriteString(Table(r.Results))
	for _, result := range r.Results {
		if result.Verdict != Differs {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\nThis hub: %s\n\nThe local hub: %s\n\nSource: %s\n\n```\n%s\n```\n",
			result.Belief, result.Hub, result.Local, result.Source, strings.Join(result.Trace, "\n"))
	}
	return b.String()
}

// Table returns results as a table in Markdown.
func Table(results []Result) string {
	var b strings.Builder
	b.WriteString("| belief | source | local hub | this hub | verdict |\n|---|---|---|---|---|\n")
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	for _, r := range results {
		verdict := string(r.Verdict)
		if r.Why != "" {
			verdict += ": " + r.Why
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n",
			cell.Replace(r.Belief), cell.Replace(r.Source), cell.Replace(r.Local), cell.Replace(r.Hub), cell.Replace(verdict))
	}
	return b.String()
}
