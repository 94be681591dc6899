package amqpserver

import "iothub-c2d/internal/amqpwire"

// receiver is the server's part in a link on which the client sends.
type receiver struct {
	*Link
	sink          Sink
	maxSize       int // bytes of an encoded message
	deliveryCount uint32
	credit        uint32
	grant         uint32 // the credit that a client may have; 0: it never gets any

	begun   bool // a message of which more is to come
	id      uint32
	message Incoming
}

// linkCredit is how many messages a client may have under way on one link,
// unless the sink says otherwise: what IoT Hub grants.
const linkCredit uint32 = 100

// receive makes the link one on which the client sends, and completes the answer
// r, or returns why it must not.
func (l *Link) receive(a, r *amqpwire.Attach) *amqpwire.Error {
	sink, refused := l.session.conn.handler.Sink(l, a)
	if refused != nil {
		return refused
	}
	e := &receiver{Link: l, sink: sink, maxSize: sink.MaxMessageSize(), grant: linkCredit}
	if s, ok := sink.(interface{ Credit() uint32 }); ok {
		e.grant = s.Credit()
	}
	if a.InitialDeliveryCount != nil {
		e.deliveryCount = *a.InitialDeliveryCount
	}
	l.receiver = e
	r.MaxMessageSize = new(uint64(e.maxSize))
	return nil
}

func (e *receiver) grantCredit() {
	if e.grant == 0 {
		return
	}
	e.credit = e.grant
	e.send(e.flowOf(e.deliveryCount, e.credit))
}

// maxPartial bounds the messages of which more is to come on one connection, in
// bytes: on one link they may be as long as it takes, but not on all at once.
const maxPartial = 8 << 20

// transfer takes in one frame of a message.
func (e *receiver) transfer(t *amqpwire.Transfer, payload []byte) {
	refused := e.start(t)
	if refused == nil {
		refused = e.add(t, payload)
	}
	if refused != nil {
		e.discard()
		e.Detach(refused)
		return
	}
	if t.More && !t.Aborted {
		return
	}
	id, m := e.id, e.message
	e.discard()
	e.count()
	if !t.Aborted {
		e.accept(id, m)
	}
}

// start begins a new message if none has begun.
func (e *receiver) start(t *amqpwire.Transfer) *amqpwire.Error {
	switch {
	case e.begun:
		return nil
	case e.credit == 0:
		return Errorf(CondTransferLimit, "A message was sent without credit.")
	case t.DeliveryID == nil:
		return Errorf(CondNotAllowed, "The first transfer of a message has no delivery-id.")
	}
	e.begun, e.id = true, *t.DeliveryID
	if t.MessageFormat != nil {
		e.message.Format = *t.MessageFormat
	}
	return nil
}

// add takes one more part of the message that has begun.
func (e *receiver) add(t *amqpwire.Transfer, payload []byte) *amqpwire.Error {
	m, c := &e.message, e.session.conn
	switch {
	case t.DeliveryID != nil && *t.DeliveryID != e.id:
		return Errorf(CondNotAllowed, "Delivery %d began before delivery %d had ended.", *t.DeliveryID, e.id)
	case t.Aborted:
		return nil
	case len(m.Payload)+len(payload) > e.maxSize:
		return e.tooLarge()
	case c.partial+len(payload) > maxPartial:
		return Errorf(CondLimitExceeded, "More than %d bytes of unfinished messages are on this connection.", maxPartial)
	}
	if refused := c.Hold(len(payload)); refused != nil {
		return refused
	}
	m.Settled = m.Settled || t.Settled
	m.Payload = append(m.Payload, payload...)
	c.partial += len(payload)
	return nil
}

func (e *receiver) tooLarge() *amqpwire.Error {
	if s, ok := e.sink.(interface{ TooLarge() *amqpwire.Error }); ok {
		return s.TooLarge()
	}
	return Errorf(CondTooLarge, "The message is larger than %d bytes.", e.maxSize)
}

// discard forgets the message that has begun, if one has.
func (e *receiver) discard() {
	e.session.conn.partial -= len(e.message.Payload)
	e.session.conn.Free(len(e.message.Payload))
	e.begun, e.message = false, Incoming{}
}

// count uses up one credit, and grants more in time.
func (e *receiver) count() {
	e.deliveryCount++
	if e.credit--; e.credit <= e.grant/2 {
		e.grantCredit()
	}
}

// accept passes a whole message on, and settles it with its outcome if that is
// known.
func (e *receiver) accept(id uint32, m Incoming) {
	m.receiver, m.id, m.size = e, id, len(m.Payload)
	state := e.sink.Accept(m)
	if state == Later {
		e.session.conn.debt.add(m.size)
		return
	}
	e.settle(result{state: state, id: id, waits: !m.Settled})
}
