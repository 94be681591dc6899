package fault

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads faults as they are written on a command line: a list with
// commas of
//
//	NAME[=VALUE][:WHEN]
//
// and at most one seed=N, which chance starts from (1). The names, with what
// gives them an opportunity to strike in parentheses:
//
//	drop                  the connection is reset (a frame from the client)
//	close[=CONDITION]     the hub closes it: amqp:connection:forced, or none:
//	                      without an error (a frame)
//	black-hole            the hub falls silent and deaf (a frame)
//	end-session[=CONDITION]  amqp:internal-error (a frame of a session)
//	detach[=CONDITION]    amqp:link:detach-forced (a frame about a link, not $cbs)
//	refuse-auth[=STATUS]  401, or 400, 403, 404, 500, 503, none: no answer (a token)
//	refuse-attach[=CONDITION]  amqp:internal-error (a link other than $cbs)
//	refuse-send[=CONDITION]    amqp:internal-error (a message from the back end)
//	withhold-credit       no message may be sent (a link of the back end)
//	withhold-disposition  no answer (a message, or a device's settlement)
//	lose-disposition      the settlement is not heard (a device's settlement)
//	expire-locks[=DURATION]  locks end after 1s (a delivery to a device)
//
// WHEN is one of
//
//	first=N  the first N opportunities on this hub
//	every=N  each Nth opportunity on this hub
//	after=N  once on each connection, when N opportunities have passed
//	P%       with a probability of P percent
//
// and without it, a fault strikes at every opportunity. NAME-after=N is short
// for NAME:after=N, NAME-every=N for NAME:every=N, NAME-first=N for
// NAME:first=N; such a fault has its default VALUE.
//
// CONDITION is an AMQP error condition such as amqp:link:stolen, or one of the
// words detach-forced, stolen, internal-error, resource-limit, not-found,
// unauthorized, throttled, connection-forced.
func Parse(text string) (Faults, error) {
	var f Faults
	if strings.TrimSpace(text) == "" {
		return f, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if seed, ok := strings.CutPrefix(part, "seed="); ok {
			n, err := strconv.ParseUint(seed, 0, 64)
			if err != nil {
				return Faults{}, fmt.Errorf("fault %q: the seed is not a number", part)
			}
			f.Seed = n
			continue
		}
		fault, err := parseFault(part)
		if err != nil {
			return Faults{}, fmt.Errorf("fault %q: %w", part, err)
		}
		f.List = append(f.List, fault)
	}
	return f, nil
}

func parseFault(text string) (Fault, error) {
	name, value, when := text, "", ""
	if i := strings.IndexAny(text, "=:"); i >= 0 {
		name, value = text[:i], text[i:]
	}
	var err error
	for _, short := range []string{"after", "every", "first"} {
		if long, ok := strings.CutSuffix(name, "-"+short); ok {
			name, value = long, ":"+short+value
		}
	}
	// Conditions have colons as well: WHEN is the last part, if it looks like it.
	if i := strings.LastIndex(value, ":"); i >= 0 && isWhen(value[i+1:]) {
		value, when = value[:i], value[i+1:]
	}
	f := Fault{Name: Name(name)}
	if f.When, err = parseWhen(when); err != nil {
		return f, err
	}
	if value != "" && !strings.HasPrefix(value, "=") {
		return f, fmt.Errorf("%q is not first=N, every=N, after=N or P%%", value[1:])
	}
	f.Value = strings.TrimPrefix(value, "=")
	return f, f.check()
}

func isWhen(s string) bool { return strings.ContainsAny(s, "=%") }

func parseWhen(s string) (w When, err error) {
	if s == "" {
		return w, nil
	}
	if percent, ok := strings.CutSuffix(s, "%"); ok {
		w.Percent, err = strconv.ParseFloat(percent, 64)
		if err != nil || !(w.Percent > 0 && w.Percent <= 100) {
			return w, fmt.Errorf("%q is not a percentage", s)
		}
		return w, nil
	}
	word, number, _ := strings.Cut(s, "=")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return w, fmt.Errorf("%q is not a number from 1", number)
	}
	switch word {
	case "first":
		w.First = n
	case "every":
		w.Every = n
	case "after":
		w.After = n
	default:
		return w, fmt.Errorf("%q is not first=N, every=N, after=N or P%%", s)
	}
	return w, nil
}
