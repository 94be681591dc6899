package iothub_test

import (
	"context"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
)

// matrix returns all cases.
func matrix() (cases []matrixCase) {
	cases = append(cases, transportFaults()...)
	cases = append(cases, connectionFaults()...)
	cases = append(cases, linkFaults()...)
	cases = append(cases, refusals()...)
	return append(cases, silences()...)
}

// transportFaults strike anywhere: the network does not know what it carries.
func transportFaults() (cases []matrixCase) {
	cut := func(how faultnet.Ending) func(*faultnet.Conn) {
		return func(c *faultnet.Conn) { c.Cut(how) }
	}
	hole := func(c *faultnet.Conn) { c.BlackHole() }
	for _, p := range phases {
		// Nothing that was lost on the way to the hub happened.
		recovered := want{remedy: reconnect, attempts: 2, within: soon}
		// A settlement that the hub heard is done, even if its answer is lost.
		answer := recovered
		// A message that is not settled comes again when its lock has run out.
		if p == phaseSettle {
			recovered.within = time.Minute
			answer = want{remedy: none, attempts: 1}
		}
		holed, deaf := recovered, answer
		// A black hole is noticed when the hub has been silent for too long: for the
		// time to connect, or that to answer.
		holed.within, deaf.within = 2*time.Minute, 2*time.Minute
		if p == phaseReceive {
			holed.within = time.Minute + soon
			answer.within = time.Minute // the message was on its way, and locked
		}
		cases = append(cases,
			matrixCase{"reset", p, recovered, clientFault{before: cut(faultnet.Reset), dial: refuseDial}, ""},
			matrixCase{"end of file", p, recovered, clientFault{before: cut(faultnet.EOF), dial: refuseDial}, ""},
			matrixCase{"black hole", p, holed, clientFault{before: hole, dial: hangDial}, ""},
			matrixCase{"slices of one byte", p, want{none, 1, nil, 0}, clientFault{before: func(c *faultnet.Conn) { c.Slice(1) }}, ""},
			matrixCase{"delay", p, want{none, 1, nil, time.Minute}, clientFault{
				before: func(c *faultnet.Conn) { c.Delay(time.Second, time.Second) },
				dial:   slowDial,
			}, ""},
		)
		if p == phaseDial {
			continue // there is no answer to lose
		}
		cases = append(cases,
			matrixCase{"reset of the answer", p, answer, clientFault{after: cut(faultnet.Reset)}, ""},
			matrixCase{"end of file of the answer", p, answer, clientFault{after: cut(faultnet.EOF)}, ""},
			matrixCase{"black hole of the answer", p, deaf, clientFault{after: hole}, ""},
		)
	}
	return cases
}

func slowDial(ctx context.Context) error {
	select {
	case <-time.After(5 * time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// connected are the phases in which the hub can do something wrong.
var connected = []phase{phasePutToken, phaseAttach, phaseSend, phaseReceive, phaseSettle}

// connectionFaults end the connection, or a session, with a reason.
func connectionFaults() (cases []matrixCase) {
	for _, p := range connected {
		for value, w := range map[string]want{
			"connection-forced": {remedy: reconnect, attempts: 2},
			"internal-error":    {remedy: reconnect, attempts: 2},
			"unauthorized":      {stop, 1, iothub.ErrUnauthorized, 0}, // with a fresh token
			"not-found":         {stop, 1, iothub.ErrNotFound, 0},
		} {
			w.within = settling(p)
			cases = append(cases, matrixCase{"close " + value, p, w, clientFault{}, "close=" + value + ":first=1"})
		}
		w := want{remedy: relink, attempts: 2, within: settling(p)}
		if p == phasePutToken { // nothing can be saved of a connection that is not through yet
			w.remedy = reconnect
		}
		cases = append(cases, matrixCase{"end session", p, w, clientFault{}, "end-session:first=1"})
	}
	return cases
}

// settling is how long recovery may take.
func settling(p phase) time.Duration {
	if p == phaseSettle {
		return time.Minute + soon // the lock
	}
	return soon
}

const conflict = "com.microsoft:link-creation-conflict"

// linkFaults end a link with a reason.
func linkFaults() (cases []matrixCase) {
	for _, p := range []phase{phaseSend, phaseReceive, phaseSettle} {
		for value, w := range map[string]want{
			"detach-forced":  {remedy: relink, attempts: 2},
			"internal-error": {remedy: relink, attempts: 2},
			"throttled":      {remedy: relink, attempts: 2},
			"unauthorized":   {remedy: stop, attempts: 1, err: iothub.ErrUnauthorized},
			"stolen":         {remedy: stop, attempts: 1, err: iothub.ErrDisplaced},
			conflict:         {remedy: stop, attempts: 1, err: iothub.ErrDisplaced},
			"resource-limit": {remedy: stop, attempts: 1, err: iothub.ErrQueueFull},
			"not-found":      {remedy: stop, attempts: 1, err: iothub.ErrNotFound},
		} {
			w.within = settling(p)
			cases = append(cases, matrixCase{"detach " + value, p, w, clientFault{}, "detach=" + value + ":first=1"})
		}
	}
	return cases
}

// refusals say no: to a token, a link, a message.
func refusals() (cases []matrixCase) {
	add := func(fault string, p phase, wants map[string]want) {
		for value, w := range wants {
			w.within = soon
			cases = append(cases, matrixCase{fault + " " + value, p, w, clientFault{}, fault + "=" + value + ":first=1"})
		}
	}
	add("refuse-auth", phasePutToken, map[string]want{
		"400": {remedy: stop, attempts: 1, err: iothub.ErrInvalidMessage},
		"401": {remedy: stop, attempts: 1, err: iothub.ErrUnauthorized},
		"403": {remedy: stop, attempts: 1, err: iothub.ErrQuotaExceeded},
		"404": {remedy: stop, attempts: 1, err: iothub.ErrNotFound},
		"500": {remedy: reconnect, attempts: 2},
		"503": {remedy: reconnect, attempts: 2},
	})
	add("refuse-attach", phaseAttach, map[string]want{
		"internal-error":    {remedy: relink, attempts: 2},
		"throttled":         {remedy: relink, attempts: 2},
		"detach-forced":     {remedy: relink, attempts: 2},
		"connection-forced": {remedy: reconnect, attempts: 2},
		"stolen":            {remedy: stop, attempts: 1, err: iothub.ErrDisplaced},
		conflict:            {remedy: relink, attempts: 2},
		"not-found":         {remedy: stop, attempts: 1, err: iothub.ErrNotFound},
		"unauthorized":      {remedy: stop, attempts: 1, err: iothub.ErrUnauthorized},
		"resource-limit":    {remedy: stop, attempts: 1, err: iothub.ErrQueueFull},
	})
	add("refuse-send", phaseSend, map[string]want{
		"internal-error":    {remedy: again, attempts: 2},
		"throttled":         {remedy: again, attempts: 2},
		"detach-forced":     {remedy: relink, attempts: 2},
		"connection-forced": {remedy: reconnect, attempts: 2},
		"unauthorized":      {remedy: stop, attempts: 1, err: iothub.ErrUnauthorized},
		"not-found":         {remedy: stop, attempts: 1, err: iothub.ErrNotFound},
		"resource-limit":    {remedy: stop, attempts: 1, err: iothub.ErrQueueFull},
	})
	return cases
}

// silences are a hub that is there, but says nothing.
func silences() []matrixCase {
	return []matrixCase{
		{"no answer", phasePutToken, want{reconnect, 2, nil, 31 * time.Second}, clientFault{}, "refuse-auth=none:first=1"},
		{"no answer", phaseSend, want{reconnect, 2, nil, 61 * time.Second}, clientFault{}, "withhold-disposition:first=1"},
		{"no answer", phaseSettle, want{none, 1, nil, 61 * time.Second}, clientFault{}, "withhold-disposition:first=1"},
		{"not heard", phaseSettle, want{relink, 2, nil, 61 * time.Second}, clientFault{}, "lose-disposition:first=1"},
		{"no credit", phaseAttach, want{reconnect, 2, nil, 61 * time.Second}, clientFault{}, "withhold-credit:first=1"},
		{"black hole of the hub", phasePutToken, want{reconnect, 2, nil, time.Minute}, clientFault{}, "black-hole:first=1"},
		{"black hole of the hub", phaseAttach, want{reconnect, 2, nil, time.Minute}, clientFault{}, "black-hole:first=1"},
		{"black hole of the hub", phaseSend, want{reconnect, 2, nil, 61 * time.Second}, clientFault{}, "black-hole:first=1"},
		{"black hole of the hub", phaseReceive, want{reconnect, 2, nil, 61 * time.Second}, clientFault{}, "black-hole:first=1"},
		{"black hole of the hub", phaseSettle, want{reconnect, 2, nil, 2 * time.Minute}, clientFault{}, "black-hole:first=1"},
		{"drop by the hub", phaseSend, want{reconnect, 2, nil, soon}, clientFault{}, "drop:first=1"},
		{"drop by the hub", phaseReceive, want{reconnect, 2, nil, soon}, clientFault{}, "drop:first=1"},
		{"drop by the hub", phaseSettle, want{reconnect, 2, nil, time.Minute + soon}, clientFault{}, "drop:first=1"},
	}
}
