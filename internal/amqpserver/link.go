package amqpserver

import (
	"sync/atomic"

	"iothub-c2d/internal/amqpwire"
)

// Link is the server's end of a link (AMQP 1.0 part 2 §2.6). Its methods are for
// the owner goroutine, except where they say otherwise.
type Link struct {
	session *Session
	handle  uint32
	name    string
	address string
	cost    int // bytes that it holds; see [Conn.Hold]

	// One of them is set, or none: the link was refused, and keeps its handle until
	// the client detaches it.
	receiver *receiver
	sender   *sender

	onEnd []func()

	detached bool // by the server; what the client sends until it answers crossed the detach on its way
	finished bool // it holds nothing any more

	interrupt atomic.Pointer[amqpwire.Error]
	woken     bool // it is among the connection's wakes, whose lock guards it
}

// Name returns the client's name for the link.
func (l *Link) Name() string { return l.name }

// Address returns the address of the server's end: the target of a link on which
// the client sends, else the source.
func (l *Link) Address() string { return l.address }

// Session returns the link's session.
func (l *Link) Session() *Session { return l.session }

// Conn returns the link's connection.
func (l *Link) Conn() *Conn { return l.session.conn }

// Sink returns what takes the link's messages, nil if the client does not send
// on it.
func (l *Link) Sink() Sink {
	if l.receiver == nil {
		return nil
	}
	return l.receiver.sink
}

// Source returns what gives the link's messages, nil if the client does not
// receive on it.
func (l *Link) Source() Source {
	if l.sender == nil {
		return nil
	}
	return l.sender.source
}

// Gone reports whether the link is over, whichever side has ended it.
func (l *Link) Gone() bool { return l.detached || l.finished }

// Detach ends the link for a reason, which must not be nil: messages in the
// client's hands are given back, and the client is told.
func (l *Link) Detach(reason *amqpwire.Error) {
	if l.Gone() {
		return
	}
	l.finish(true)
	l.sayDetach(reason)
}

// Interrupt has the owner detach the link for a reason, which must not be nil.
// It may be called from any goroutine, and never blocks.
func (l *Link) Interrupt(reason *amqpwire.Error) {
	l.interrupt.Store(reason)
	l.Wake()
}

// Wake makes the owner ask the link's source for messages. It may be called from
// any goroutine, and never blocks.
func (l *Link) Wake() { l.session.conn.wakes.add(l) }

// OnEnd has f called when the link has ended, whichever way that is, after its sink
// or source has let go of everything.
func (l *Link) OnEnd(f func()) { l.onEnd = append(l.onEnd, f) }

// look does what the link was woken for.
func (l *Link) look() {
	if l.Gone() {
		return
	}
	if reason := l.interrupt.Load(); reason != nil {
		l.Detach(reason)
		return
	}
	if l.sender != nil {
		l.sender.pump()
	}
}

// lost tells the source that the client has not ended the link in good order.
func (l *Link) lost(why error) {
	if l.sender == nil || l.Gone() {
		return
	}
	if s, ok := l.sender.source.(interface{ Lost(why error) }); ok {
		s.Lost(why)
	}
}

// finish lets go of what the link holds. clean says that the client knows that
// the link is over, so that messages in its hands can go back at once.
func (l *Link) finish(clean bool) {
	if l.finished {
		return
	}
	l.finished = true
	if l.receiver != nil {
		l.receiver.discard()
	}
	if l.sender != nil {
		l.sender.finish(clean)
	}
	for _, f := range l.onEnd {
		f()
	}
	l.onEnd = nil
}

// sayDetach tells the client that the link is over.
func (l *Link) sayDetach(reason *amqpwire.Error) {
	c := l.session.conn
	c.log.Info("link detached", "link", brief(l.name), "condition", string(reason.Condition), "reason", c.explain(reason))
	l.send(&amqpwire.Detach{Handle: l.handle, Closed: true, Error: reason})
	l.detached = true
}

// send sends a frame about the link, unless the server has detached it.
func (l *Link) send(body amqpwire.Performative) {
	if !l.detached {
		l.session.send(body)
	}
}
