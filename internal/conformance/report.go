package conformance

import (
	"regexp"
	"strings"
	"time"

	"iothub-c2d/internal/iothub"
)

// Report is what a run has found out. It holds no secret, and not the name of the
// hub.
type Report struct {
	Began       time.Time       `json:"began"`
	Took        time.Duration   `json:"took"` // nanoseconds
	Protocol    iothub.Protocol `json:"protocol"`
	Front       string          `json:"frontEnd"` // what tells its generation
	Messages    int             `json:"messages"` // that were sent
	Interrupted bool            `json:"interrupted,omitempty"`
	Left        string          `json:"left,omitempty"` // what could not be removed
	Results     []Result        `json:"results"`
}

// Result is what came of one belief.
type Result struct {
	Belief  string   `json:"belief"`
	Source  string   `json:"source"`
	Local   string   `json:"localHub"`
	Hub     string   `json:"thisHub,omitempty"`
	Verdict Verdict  `json:"verdict"`
	Why     string   `json:"why,omitempty"`   // it could not be tried
	Trace   []string `json:"trace,omitempty"` // of a difference
}

// Verdict is what came of a belief in one word.
type Verdict string

// The verdicts.
const (
	Holds   Verdict = "holds"
	Differs Verdict = "differs"
	Untried Verdict = "could not be tried"
)

// results compares what was seen with what the local hub does.
func (t *trial) results(beliefs []Belief) []Result {
	list := make([]Result, len(beliefs))
	for i, b := range beliefs {
		r := Result{Belief: b.Name, Source: b.Source, Local: b.Local, Verdict: Untried, Why: t.why}
		if i < len(t.seen) {
			r.Hub, r.Verdict, r.Why = t.seen[i].text, Holds, ""
			if r.Hub != b.Local {
				r.Verdict, r.Trace = Differs, t.seen[i].trace
			}
		}
		list[i] = r
	}
	return list
}

// Count returns how many beliefs came to a verdict.
func (r *Report) Count(v Verdict) (n int) {
	for _, result := range r.Results {
		if result.Verdict == v {
			n++
		}
	}
	return n
}

// hide replaces what must not be told.
func (r *Report) hide(secrets []secret) {
	clean := func(text string) string {
		for _, s := range secrets {
			text = s.pattern.ReplaceAllString(text, s.substitute)
		}
		return text
	}
	r.Left = clean(r.Left)
	for i := range r.Results {
		result := &r.Results[i]
		result.Hub, result.Why = clean(result.Hub), clean(result.Why)
		for j, line := range result.Trace {
			result.Trace[j] = clean(line)
		}
	}
}

// secret is something that a report does not tell.
type secret struct {
	pattern    *regexp.Regexp
	substitute string
}

// signature is that of a token, wherever a hub repeats it.
var signature = regexp.MustCompile(`(?i)\b(sig(?:=|%3d))[a-z0-9%+/=_~.-]+`)

// secrets returns what no report may tell: signatures, the hub's name and the part
// of it that users choose, the name of a device that is not the run's own.
func (r *run) secrets() []secret {
	list := []secret{{signature, "${1}REDACTED"}}
	add := func(name, substitute string) {
		if name != "" {
			list = append(list, secret{word(name), "${1}" + substitute})
		}
	}
	first, _, _ := strings.Cut(r.host(), ".")
	add(r.host(), "HUB")
	add(first, "HUB")
	add(r.target.Device.DeviceID, "DEVICE")
	add(r.target.Service.KeyName, "POLICY")
	return list
}

// word returns what finds a name that is no part of another, in any case, also behind
// an encoded character.
func word(name string) *regexp.Regexp {
	pattern := `(?i)(%[0-9a-f]{2}|\b)` + regexp.QuoteMeta(name)
	if !regexp.MustCompile(`^\w`).MatchString(name) {
		pattern = `(?i)()` + regexp.QuoteMeta(name)
	}
	if regexp.MustCompile(`\w$`).MatchString(name) {
		pattern += `\b`
	}
	return regexp.MustCompile(pattern)
}
