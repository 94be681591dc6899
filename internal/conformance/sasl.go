package conformance

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/amqpwire"
)

func tryPlain(ctx context.Context, t *trial) {
	first, _, _ := strings.Cut(t.run.host(), ".")
	offered, outcome := t.plain(ctx, first)
	t.saw(offered)
	t.saw(outcome)
	_, outcome = t.plain(ctx, "another")
	t.saw(outcome)
}

// plain logs in by SASL PLAIN (AMQP 1.0 part 5 §5.3), as the device of a hub, and
// returns the mechanisms and the outcome.
func (t *trial) plain(ctx context.Context, hub string) (offered, outcome string) {
	p := t.dial(ctx, t.run.target.amqp)
	defer p.net.Close() //nolint:errcheck // nothing more is wanted from it
	t.check(p.net.SetDeadline(time.Now().Add(patience)))
	p.write(amqpwire.HeaderSASL[:])
	var header amqpwire.ProtocolHeader
	if _, err := io.ReadFull(p.net, header[:]); err != nil || header != amqpwire.HeaderSASL {
		t.stop("the hub has no SASL")
	}
	mechanisms, ok := p.readSASL().(*amqpwire.SASLMechanisms)
	if !ok {
		t.stop("the hub offers no mechanisms")
	}
	for _, m := range slices.Sorted(slices.Values(mechanisms.Mechanisms)) {
		offered += ", " + string(m)
	}
	user := t.subject.id() + "@sas." + hub
	init := &amqpwire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00" + user + "\x00" + t.subject.token().Reveal())}
	b, err := amqpwire.AppendFrame(nil, amqpwire.Frame{SASL: true, Body: init})
	t.check(err)
	p.write(b)
	result, ok := p.readSASL().(*amqpwire.SASLOutcome)
	if !ok {
		return offered[2:], "no outcome"
	}
	return offered[2:], fmt.Sprintf("code %d", result.Code)
}

// readSASL returns what the hub says next, nil if it hangs up.
func (p *peer) readSASL() amqpwire.Performative {
	f, err := amqpwire.ReadFrame(p.net, 1<<16)
	if err != nil {
		return nil
	}
	p.trial.trace.frame("<-", f)
	return f.Body
}
