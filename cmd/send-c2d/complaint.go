package main

// complaint is what is wrong with messages for a target.
type complaint struct {
	target string
	why    reason
}

// mostComplaints is how many lines there are at most about each reason.
const mostComplaints = 100

// complain says what is wrong with the messages for a target: all about the first,
// with a hint if it is the first of any target, and no more than its id about
// others. Called with mu held.
func (r *report) complain(target string, why reason, first bool, id string, err error) {
	c := complaint{target, why}
	r.complaints[why]++
	switch n := r.complaints[why]; {
	case n > mostComplaints+1:
	case n > mostComplaints:
		r.console.Note("There are more (%s): the summary counts them, and --failed-out lists the devices.", why.text())
	case r.told[c]:
		r.console.Note("Also for %s: %s (%s)", target, id, why.text())
	case first:
		r.console.Report(err)
	default:
		r.console.Say("%s: %v", r.console.Name, err)
	}
	r.told[c] = true
}
