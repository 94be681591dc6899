package amqpfront

import (
	"fmt"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// The annotations that the hub stamps on messages.
const (
	sequenceNumber amqpwire.Symbol = "x-opt-sequence-number"
	enqueuedTime   amqpwire.Symbol = "iothub-enqueuedtime"
	deliveryCount  amqpwire.Symbol = "iothub-deliverycount"
)

// LockSource is a source whose deliveries are locked.
type LockSource interface {
	amqpserver.Source
	MaxMessageSize() int
	Lost(why error)
	// ShortenLock lets the lock of a delivery end after d.
	ShortenLock(tag []byte, d time.Duration)
}

// queue is a device's mailbox, or the queue of feedback.
type queue interface {
	Take() (broker.Delivery, bool)
	Settle(broker.LockToken, broker.Settlement) error
	Release([]broker.LockToken)
	ShortenLock(broker.LockToken, time.Duration)
	Empty() bool
	Subscribe(wake func()) (cancel func())
}

// queueSource sends the messages of a queue. The tag of a delivery is the token
// of its lock.
type queueSource struct {
	queue  queue
	link   *amqpserver.Link
	stamps func(broker.Delivery) amqpwire.Map // for the receiver to see
	cancel func()                             // ends the subscription
	hand   inHand
}

func newQueueSource(l *amqpserver.Link, q queue, stamps func(broker.Delivery) amqpwire.Map) queueSource {
	return queueSource{queue: q, link: l, stamps: stamps, cancel: q.Subscribe(l.Wake)}
}

// Next locks the next message and stamps it. One that cannot be delivered would
// be taken again and again, and keep the others from the device: an older hub may
// have stored it.
func (s *queueSource) Next() (amqpserver.Outgoing, bool) {
	for {
		d, ok := s.queue.Take()
		if !ok {
			return amqpserver.Outgoing{}, false
		}
		k, err := keptOf(d.Message)
		var payload []byte
		if err == nil {
			payload, err = s.encode(k, d)
		}
		if err == nil {
			s.hand.add(d, k)
			return amqpserver.Outgoing{Tag: d.Token[:], Payload: payload}, true
		}
		s.link.Conn().Log().Warn("message rejected, since it cannot be delivered", "id", broker.Brief(d.Message.ID), "sequence", d.Sequence, "reason", err.Error())
		_ = s.queue.Settle(d.Token, broker.Reject) // if it fails, the lock runs out
	}
}

func (s *queueSource) encode(k *kept, d broker.Delivery) ([]byte, error) {
	b, err := k.stamped(s.stamps(d))
	if len(b) > maxMessage {
		err = fmt.Errorf("it has %d bytes, the limit is %d", len(b), maxMessage)
	}
	return b, err
}

// MaxMessageSize is what the receiver is told, in bytes.
func (*queueSource) MaxMessageSize() int { return maxMessage }

// Empty reports whether no message is ready.
func (s *queueSource) Empty() bool { return s.queue.Empty() }

// Settle carries out an outcome. The answer is the result of that: accepted also
// for an abandon or a reject that was carried out.
func (s *queueSource) Settle(tag []byte, outcome amqpwire.DeliveryState, _ bool) amqpwire.DeliveryState {
	s.hand.settled(broker.LockToken(tag))
	if err := s.queue.Settle(broker.LockToken(tag), settlementOf(outcome)); err != nil {
		s.link.Conn().Log().Info("settlement refused", "link", broker.Brief(s.link.Name()), "reason", err.Error())
		return &amqpwire.Rejected{Error: worded(broker.AsRefusal(err))}
	}
	return &amqpwire.Accepted{}
}

// settlementOf translates an outcome. A modified message is abandoned or, if
// it is not wanted here, rejected; without either it goes back uncounted.
func settlementOf(outcome amqpwire.DeliveryState) broker.Settlement {
	switch outcome := outcome.(type) {
	case *amqpwire.Accepted:
		return broker.Complete
	case *amqpwire.Rejected:
		return broker.Reject
	case *amqpwire.Released:
		return broker.Abandon
	case *amqpwire.Modified:
		switch {
		case outcome.UndeliverableHere:
			return broker.Reject
		case outcome.DeliveryFailed:
			return broker.Abandon
		}
	}
	return broker.Release
}

// Release gives deliveries back as if they had not been.
func (s *queueSource) Release(tags [][]byte) {
	tokens := make([]broker.LockToken, len(tags))
	for i, tag := range tags {
		tokens[i] = broker.LockToken(tag)
	}
	s.queue.Release(tokens)
}

// Lost tells the log which messages the receiver had when it was lost.
func (s *queueSource) Lost(why error) {
	s.hand.end(s.link.Conn().Log().With("link", broker.Brief(s.link.Address())), why)
}

// ShortenLock lets the lock of a delivery end after d.
func (s *queueSource) ShortenLock(tag []byte, d time.Duration) {
	s.queue.ShortenLock(broker.LockToken(tag), d)
}

// Close ends the subscription.
func (s *queueSource) Close() { s.cancel() }

// deviceSource sends a device its messages. There is one for each device: a new
// one displaces the one before.
type deviceSource struct {
	queueSource
	mailbox *broker.Mailbox
}

func newDeviceSource(l *amqpserver.Link, m *broker.Mailbox) *deviceSource {
	s := &deviceSource{newQueueSource(l, m, deviceStamps), m}
	m.Claim(s)
	return s
}

func deviceStamps(d broker.Delivery) amqpwire.Map {
	return amqpwire.Map{
		{Key: sequenceNumber, Value: d.Sequence},
		{Key: enqueuedTime, Value: amqpwire.NewTimestamp(d.Enqueued)},
		{Key: deliveryCount, Value: uint8(min(d.DeliveryCount, 255))},
	}
}

// Displace ends the link, from any goroutine: another has taken over.
func (s *deviceSource) Displace() {
	s.link.Interrupt(worded(broker.Refuse(broker.LinkConflict, "Another receiver has connected for this device.")))
}

// Close gives the device up, unless another has it already.
func (s *deviceSource) Close() {
	s.queueSource.Close()
	s.mailbox.Leave(s)
}

// newFeedbackSource returns what sends the back end its feedback.
func newFeedbackSource(c *Client, l *amqpserver.Link) *queueSource {
	s := newQueueSource(l, c.front.options.Broker.Feedback(), func(d broker.Delivery) amqpwire.Map {
		return amqpwire.Map{{Key: enqueuedTime, Value: amqpwire.NewTimestamp(d.Enqueued)}}
	})
	return &s
}
