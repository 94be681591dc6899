package main

import (
	"fmt"
	"time"

	"iothub-c2d/internal/console"
)

// moods are what outcomes mean to the user.
var moods = map[outcome]console.Mood{complete: console.Good, abandon: console.Fair, reject: console.Bad, none: console.Fair}

// progress tells in a few words how far a run has got that ends after count
// messages; 0: never.
func (p *printer) progress(count int) string {
	n := p.shown.Load()
	text := fmt.Sprintf("%d received", n)
	if count > 0 {
		text = fmt.Sprintf("%d of %d", n, count)
	}
	if passed := time.Since(time.Unix(0, p.began.Load())); n > 1 && passed > 0 {
		text += fmt.Sprintf(", %.0f/s", float64(n-1)/passed.Seconds())
	}
	return p.fleetProgress() + text
}

// lostLock says what became of n messages that were held too long.
func lostLock(n int) string {
	if n == 1 {
		return "lost its lock"
	}
	return "lost their locks"
}

// summary prints the totals. To people it also tells when the last message came, and
// what time it is, as the tutorial's device does: that shows for how long it has been
// quiet.
func (p *printer) summary() (err error) {
	if p.console.Output == console.OutputJSON && p.template == nil {
		err = p.console.PrintJSON(summaryEvent{
			"summary", p.total, p.counts[complete], p.counts[abandon], p.counts[reject], p.counts[none], p.lost, p.fleetTotals(),
		})
	}
	line := p.console.ErrLine().Add("%d received", p.total)
	separator := ": "
	add := func(n int, m console.Mood, what string) {
		if n > 0 {
			line.Add("%s", separator).Outcome(m, "%d %s", n, what)
			separator = ", "
		}
	}
	for _, o := range []outcome{complete, abandon, reject, none} {
		add(p.counts[o], moods[o], past[o])
	}
	add(p.lost, console.Fair, lostLock(p.lost))
	add(p.total-p.finished()-p.lost, console.Fair, "given back")
	p.console.NoteText(line.Add("."))
	p.fleetSummary()
	if !p.at.IsZero() {
		p.console.Note("Last message: %s", p.at.Format(time.ANSIC))
		p.console.Note("Actual time:  %s", time.Now().Format(time.ANSIC))
	}
	return err
}
