package amqpserver

import "iothub-c2d/internal/amqpwire"

// Later is what [Sink.Accept] and [Source.Settle] return when they do not know yet
// what to answer, and will call [Incoming.Settle] or [Settlement.Answer].
var Later amqpwire.DeliveryState = new(later)

type later struct{ amqpwire.DeliveryState }

// Settle gives the outcome of a message for which [Sink.Accept] has returned
// [Later]. It is called once, from any goroutine, and never blocks.
func (m Incoming) Settle(outcome amqpwire.DeliveryState) {
	o := result{state: outcome, receiver: m.receiver, id: m.id, size: m.size, waits: !m.Settled}
	m.receiver.session.conn.wakes.settle(o)
}

// Settlement is what a receiver says of a delivery.
type Settlement struct {
	Tag     []byte                 // of the delivery
	Outcome amqpwire.DeliveryState // one of the four (part 3 §3.4)
	Waits   bool                   // the receiver waits for an answer

	sender *sender
	id     uint32
}

// Answer gives the answer for which [Source.Settle] has returned [Later]. It is
// called once, from any goroutine, and never blocks.
func (s Settlement) Answer(answer amqpwire.DeliveryState) {
	s.sender.session.conn.wakes.settle(result{state: answer, sender: s.sender, id: s.id, waits: s.Waits})
}

// result is an outcome or an answer that has come later.
type result struct {
	state    amqpwire.DeliveryState
	receiver *receiver // of a message; or
	sender   *sender   // of a delivery
	id       uint32
	size     int  // of the message, bytes
	waits    bool // the client is to be told
}

// debt is what a connection owes its client.
type debt struct {
	results int // that come later
	bytes   int // of their messages
}

// maxDebt is how much of a client's messages may wait for its outcome, in bytes:
// then nothing more is read. Each message counts for messageCost more.
const (
	maxDebt     = 1 << 20
	messageCost = 1 << 10
)

func (d *debt) tooMuch() bool { return d.bytes+d.results*messageCost > maxDebt }

func (d *debt) add(size int) { d.results, d.bytes = d.results+1, d.bytes+size }

func (d *debt) pay(size int) { d.results, d.bytes = d.results-1, d.bytes-size }

// settle tells the client the results that have come.
func (c *Conn) settle() {
	for _, r := range c.wakes.results() {
		c.debt.pay(r.size)
		if r.receiver != nil {
			r.receiver.settle(r)
		} else {
			r.sender.answer(r)
		}
	}
}

// settle settles a message with its outcome.
func (e *receiver) settle(r result) {
	if r.waits && r.state != nil && !e.Gone() {
		e.send(&amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: r.id, Settled: true, State: r.state})
	}
}

// answer ends a delivery, unless the link has ended meanwhile.
func (e *sender) answer(r result) {
	if _, open := e.unsettled[r.id]; !open {
		return
	}
	e.forget(r.id)
	if r.waits {
		e.send(&amqpwire.Disposition{Role: amqpwire.RoleSender, First: r.id, Settled: true, State: r.state})
	}
}
