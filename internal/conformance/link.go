package conformance

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// link is an attached link of a peer.
type link struct {
	peer   *peer
	handle uint32
	remote uint32           // the hub's handle
	reply  *amqpwire.Attach // the hub's
	count  uint32           // of deliveries so far
}

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

// sending returns an attach for a link to send on.
func sending(address string) *amqpwire.Attach {
	return &amqpwire.Attach{
		Role: amqpwire.RoleSender, Source: &amqpwire.Source{}, Target: &amqpwire.Target{Address: address},
		InitialDeliveryCount: new(uint32),
	}
}

// receiving returns an attach for a link to receive on, where the hub answers what
// is said of a message (rcv-settle-mode second).
func receiving(address string) *amqpwire.Attach {
	return &amqpwire.Attach{
		Role: amqpwire.RoleReceiver, RcvSettleMode: new(amqpwire.ReceiverSecond),
		Source: &amqpwire.Source{Address: address}, Target: &amqpwire.Target{},
	}
}

// attach attaches a link, or returns how the hub refuses. If that is too much for the
// hub, it waits.
func (p *peer) attach(ctx context.Context, a *amqpwire.Attach) (l *link, refused string) {
	for {
		l, refused = p.attachOnce(ctx, a)
		if l != nil || !strings.HasPrefix(refused, conditionThrottled) {
			return l, refused
		}
		p.trial.pause(ctx, throttlePause)
	}
}

func (p *peer) attachOnce(ctx context.Context, a *amqpwire.Attach) (l *link, refused string) {
	a.Handle = p.handle
	p.trial.links++
	a.Name = p.trial.id(fmt.Sprint("link-", p.trial.links))
	p.handle++
	p.say(a)
	reply, _, ok := await(ctx, p, patience, func(r *amqpwire.Attach) bool { return r.Name == a.Name })
	if !ok {
		return nil, p.end()
	}
	l = &link{peer: p, handle: a.Handle, remote: reply.Handle, reply: reply}
	if a.Role == amqpwire.RoleSender && reply.Target == nil || a.Role == amqpwire.RoleReceiver && reply.Source == nil {
		return nil, l.lost(ctx, patience)
	}
	return l, ""
}

// mustAttach is attach for a link without which the trial ends.
func (p *peer) mustAttach(ctx context.Context, a *amqpwire.Attach) *link {
	l, refused := p.attach(ctx, a)
	if l == nil {
		p.trial.stop("attach: %s", refused)
	}
	return l
}

// attached is what is seen of a link that the hub lets be.
const attached = "attached"

// tryAttach attaches a link, and returns what the hub says to it. Some hubs attach
// it first, and detach it at once.
func (p *peer) tryAttach(ctx context.Context, a *amqpwire.Attach) string {
	l, refused := p.attach(ctx, a)
	if l == nil {
		return refused
	}
	if lost := l.lost(ctx, p.trial.figures.Silence); lost != "" {
		return lost
	}
	return attached
}

// lost returns how the link has ended, empty if it has not in time.
func (l *link) lost(ctx context.Context, within time.Duration) string {
	d, _, ok := await(ctx, l.peer, within, func(d *amqpwire.Detach) bool { return d.Handle == l.remote })
	switch {
	case ok && d.Error == nil:
		return "detached without an error"
	case ok:
		return errorText(d.Error)
	}
	if how := l.peer.end(); how != "nothing came" {
		return how
	}
	return ""
}

// awaitOn is await for a frame that will not come any more once the link has ended.
func awaitOn[T amqpwire.Performative](ctx context.Context, l *link, within time.Duration, fits func(T) bool) (body T, payload []byte, ok bool) {
	found, payload, _ := await(ctx, l.peer, within, func(b amqpwire.Performative) bool {
		body, is := b.(T)
		return is && fits(body) || l.ends(b)
	})
	if body, ok = found.(T); !ok && found != nil {
		l.peer.kept = append(l.peer.kept, amqpwire.Frame{Body: found}) // for who asks how it ended
	}
	return body, payload, ok
}

// ends reports whether the link ends with a frame.
func (l *link) ends(b amqpwire.Performative) bool {
	switch b := b.(type) {
	case *amqpwire.Detach:
		return b.Handle == l.remote
	case *amqpwire.End, *amqpwire.Close:
		return true
	}
	return false
}

// detach detaches the link, with an error if there is one.
func (l *link) detach(ctx context.Context, reason *amqpwire.Error) {
	l.peer.say(&amqpwire.Detach{Handle: l.handle, Closed: true, Error: reason})
	await(ctx, l.peer, patience, func(d *amqpwire.Detach) bool { return d.Handle == l.remote })
}

// credit lets the hub send so many messages more.
func (l *link) credit(n uint32) {
	l.peer.say(&amqpwire.Flow{
		NextIncomingID: new(uint32), IncomingWindow: windows, OutgoingWindow: windows,
		Handle: &l.handle, DeliveryCount: &l.count, LinkCredit: &n,
	})
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
