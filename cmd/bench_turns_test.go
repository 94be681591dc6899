package cmd_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// bench measures, and makes a table of it.
type bench struct {
	t     *testing.T
	turns int // 0: it is only tried whether all this works
	rows  []row
}

// row is one line of the table. Figures are medians.
type row struct {
	what        string
	kind        kind
	ours, other float64
	with        string  // what the other is; empty: there is nothing to compare with
	ratio       float64 // how many times as good ours is, turn by turn
}

// result is what a process has taken, and the figures that it has found itself.
type result struct {
	took    time.Duration
	figures []float64
}

// kind says what the figures of a row are.
type kind struct {
	unit   string
	format string
	larger bool // is better
	of     func(result) []float64
}

var milliseconds = kind{"ms", "%.2f", false, func(r result) []float64 {
	if r.figures != nil {
		return r.figures
	}
	return []float64{r.took.Seconds() * 1000}
}}

// rates are how many of n things are done in a second.
func rates(n int) kind {
	return kind{"per second", "%.0f", true, func(r result) []float64 {
		return []float64{float64(n) / r.took.Seconds()}
	}}
}

// some returns n, or less if nothing is to be measured.
func (b *bench) some(n int) int {
	if b.turns == 0 {
		return max(n/1000, 1)
	}
	return n
}

// compare measures ours and go-amqp alone in turns, for one row or several.
func (b *bench) compare(k kind, what []string, ours, bare func() result) {
	b.t.Helper()
	b.compareWith("go-amqp alone", k, what, ours, bare)
}

// measure measures ours where there is nothing to compare with.
func (b *bench) measure(k kind, what []string, ours func() result) {
	b.t.Helper()
	b.compareWith("", k, what, ours, nil)
}

// compareWith measures ours and another in turns, for one row or several. A nil other
// means that there is nothing to compare with.
func (b *bench) compareWith(with string, k kind, what []string, ours, other func() result) {
	b.t.Helper()
	ourFigures, otherFigures := make([][]float64, len(what)), make([][]float64, len(what))
	for range max(b.turns, 1) {
		for i, f := range k.of(ours()) {
			ourFigures[i] = append(ourFigures[i], f)
		}
		if other == nil {
			continue
		}
		for i, f := range k.of(other()) {
			otherFigures[i] = append(otherFigures[i], f)
		}
	}
	for i, w := range what {
		r := row{what: w, kind: k, ours: median(ourFigures[i]), with: with}
		if other != nil {
			r.other, r.ratio = median(otherFigures[i]), k.ratio(ourFigures[i], otherFigures[i])
		}
		b.rows = append(b.rows, r)
		b.t.Log(r)
	}
}

// ratio returns how many times as good ours is, as the median of the turns: what
// disturbs a turn, disturbs both of its halves.
func (k kind) ratio(ours, others []float64) float64 {
	var all []float64
	for i := range ours {
		if k.larger {
			all = append(all, ours[i]/others[i])
		} else {
			all = append(all, others[i]/ours[i])
		}
	}
	return median(all)
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// String returns the row in Markdown.
func (r row) String() string {
	figure := func(f float64) string { return fmt.Sprintf(r.kind.format, f) }
	if r.with == "" {
		return fmt.Sprintf("| %s | %s | %s | | | |", r.what, r.kind.unit, figure(r.ours))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %.2f |", r.what, r.kind.unit, figure(r.ours), figure(r.other), r.with, r.ratio)
}

// table returns all rows in Markdown, with the date and the machine.
func (b *bench) table() string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s, %s, %d cores for all processes, %s, medians of %d turns\n\n",
		time.Now().Format(time.DateOnly), processor(), runtime.NumCPU(), runtime.Version(), b.turns)
	t.WriteString("| | | these tools | the other | which is | times as good |\n|---|---|--:|--:|---|--:|\n")
	for _, r := range b.rows {
		fmt.Fprintln(&t, r)
	}
	return t.String()
}

// processor returns the name of the machine's processor.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
