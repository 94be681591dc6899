package conformance

import (
	"context"
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
	limit  uint32           // which the count must not exceed, where the hub grants credit
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
	if how := l.peer.end(); how != nothing {
		return how
	}
	return ""
}

// fate says how the link ends, if it does in time.
func (l *link) fate(ctx context.Context, within time.Duration) string {
	if how := l.lost(ctx, within); how != "" {
		return how
	}
	return "it stays attached"
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
		NextIncomingID: new(l.peer.nextIncoming), IncomingWindow: windows, NextOutgoingID: l.peer.nextOutgoing, OutgoingWindow: windows,
		Handle: &l.handle, DeliveryCount: &l.count, LinkCredit: &n,
	})
}

// awaitCredit waits until the hub lets the link send a message, and reports whether it
// does.
func (l *link) awaitCredit(ctx context.Context) bool {
	for l.count >= l.limit {
		f, _, ok := awaitOn(ctx, l, patience, func(f *amqpwire.Flow) bool { return f.Handle != nil && *f.Handle == l.remote })
		if !ok {
			return false
		}
		l.peer.trial.run.noteFront(l.peer.open, f)
		l.limit = 0
		if f.LinkCredit != nil {
			l.limit = *f.LinkCredit
		}
		if f.DeliveryCount != nil {
			l.limit += *f.DeliveryCount
		}
	}
	return true
}
