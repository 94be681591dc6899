package main

import "time"

// noteTimes tells when the last message came, and what time it is, as the tutorial's
// device does. In the middle of a pause the two show how long it has been quiet.
func (p *printer) noteTimes() {
	if p.at.IsZero() {
		return
	}
	p.console.Note("Last message: %s", p.at.Format(time.ANSIC))
	p.console.Note("Actual time:  %s", time.Now().Format(time.ANSIC))
}
