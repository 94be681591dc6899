package conformance

import (
	"context"
	"encoding/binary"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// delivery is a message that the hub has sent.
type delivery struct {
	*amqpwire.Transfer
	number  uint32 // its delivery-id
	payload []byte
	message *amqpwire.Message
}

// id returns the message's id, if it is text.
func (d *delivery) id() string {
	if p := d.message.Properties; p != nil {
		id, _ := p.MessageID.(string)
		return id
	}
	return ""
}

// next returns the next message on the link, nil if none comes in time.
func (l *link) next(ctx context.Context, within time.Duration) *delivery {
	mine := func(t *amqpwire.Transfer) bool { return t.Handle == l.remote }
	t, payload, ok := awaitOn(ctx, l, within, mine)
	if !ok {
		return nil
	}
	l.count++
	d := &delivery{Transfer: t, payload: payload}
	if t.DeliveryID != nil {
		d.number = *t.DeliveryID
	}
	for more := t.More; more; {
		if t, payload, ok = awaitOn(ctx, l, patience, mine); !ok {
			return nil
		}
		d.payload, more = append(d.payload, payload...), t.More
	}
	m, err := amqpwire.DecodeMessage(d.payload)
	if err != nil {
		l.peer.trial.stop("the hub sent what is no message: %v", err)
	}
	d.message = m
	return d
}

// must is next for a message without which the trial ends.
func (l *link) must(ctx context.Context, what string) *delivery {
	d := l.next(ctx, patience)
	if d == nil {
		l.peer.trial.stop("no %s: %s", what, l.peer.end())
	}
	return d
}

// take lets the hub send one message, which must come.
func (l *link) take(ctx context.Context) *delivery {
	l.credit(1)
	return l.must(ctx, "message")
}

// settle says what becomes of a message, and wants no answer.
func (l *link) settle(d *delivery, state amqpwire.DeliveryState) {
	l.peer.say(&amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: d.number, Settled: true, State: state})
}

// ask says what is to become of a message, and returns the hub's answer.
func (l *link) ask(ctx context.Context, d *delivery, state amqpwire.DeliveryState) string {
	l.peer.say(&amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: d.number, State: state})
	answer, _, ok := awaitOn(ctx, l, patience, func(a *amqpwire.Disposition) bool { return a.Role == amqpwire.RoleSender && covers(a, d.number) })
	if !ok {
		return "no answer: " + l.peer.end()
	}
	return stateText(answer.State)
}

func covers(d *amqpwire.Disposition, id uint32) bool {
	return d.First == id || d.Last != nil && d.First <= id && id <= *d.Last
}

func stateText(s amqpwire.DeliveryState) string {
	switch s := s.(type) {
	case *amqpwire.Accepted:
		return accepted
	case *amqpwire.Rejected:
		return errorText(s.Error)
	case *amqpwire.Released:
		return "released"
	case *amqpwire.Modified:
		return "modified"
	}
	return "no state"
}

// send sends a message, in as many frames as the hub wants, and returns what became
// of it.
func (l *link) send(ctx context.Context, m *amqpwire.Message) string {
	text, _ := l.sendSettling(ctx, m)
	return text
}

// sendSettling is send, which also tells whether the hub has settled the message.
func (l *link) sendSettling(ctx context.Context, m *amqpwire.Message) (text string, settled bool) {
	p := l.peer
	b, err := m.Append(nil)
	if err != nil {
		p.trial.untried("encode a message: %v", err)
	}
	if !l.awaitCredit(ctx) {
		return "no credit: " + p.end(), false
	}
	l.count++
	id := p.delivery
	p.delivery++
	tag := binary.BigEndian.AppendUint32(nil, id)
	const header = 128 // of a frame and its transfer
	room := 4096 - header
	if size := p.open.MaxFrameSize; size != nil {
		room = max(int(*size), amqpwire.MinMaxFrameSize) - header
	}
	for more := true; more; {
		part := b[:min(room, len(b))]
		b = b[len(part):]
		more = len(b) > 0
		p.say(&amqpwire.Transfer{Handle: l.handle, DeliveryID: &id, DeliveryTag: tag, More: more}, part...)
	}
	d, _, ok := awaitOn(ctx, l, patience, func(d *amqpwire.Disposition) bool { return d.Role == amqpwire.RoleReceiver && covers(d, id) })
	if !ok {
		return p.end(), false
	}
	return stateText(d.State), d.Settled
}
