package amqpfront

import (
	"bytes"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// kept is what this front keeps of a message in a queue: the bytes that its sender
// has encoded, for its receiver. Encoded anew they could be many times as long,
// since AMQP has more than one form for a value.
type kept struct {
	annotations []byte        // the section, without stamps; empty: there is none
	rest        []byte        // properties to footer
	lost        *atomic.Int32 // receivers in a row that were lost with the message in hand
}

// keep takes the stamps off a message's annotations. The header and the delivery
// annotations are about the link that it came on, and go no further.
func (in *incoming) keep() (*kept, error) {
	annotations := slices.DeleteFunc(slices.Clone(in.Annotations), isStamp)
	k := &kept{rest: in.rest, lost: new(atomic.Int32)}
	if len(annotations) == 0 {
		return k, nil
	}
	var err error
	k.annotations, err = (&amqpwire.Message{Annotations: annotations}).Append(nil)
	return k, err
}

// keptOf returns what is kept of a message of the broker's. What did not come
// through this front is encoded.
func keptOf(m *broker.Message) (*kept, error) {
	if k, ok := m.Origin.(*kept); ok {
		return k, nil
	}
	rest, err := wireMessage(m).Append(nil)
	return &kept{rest: rest, lost: new(atomic.Int32)}, err
}

// stamped returns the encoded message with the annotations of a delivery.
func (k *kept) stamped(stamps amqpwire.Map) ([]byte, error) {
	b, err := k.front(stamps)
	return append(b, k.rest...), err
}

// front returns the section of annotations, the sender's and those of a delivery.
func (k *kept) front(stamps amqpwire.Map) ([]byte, error) {
	m := new(amqpwire.Message)
	if len(k.annotations) > 0 {
		var err error
		if m, err = amqpwire.DecodeMessage(k.annotations); err != nil {
			return nil, err
		}
	}
	m.Annotations = append(m.Annotations, stamps...)
	return m.Append(nil)
}

// deliveredSize returns the most bytes that the message has when it is delivered
// to a device.
func (k *kept) deliveredSize() (int, error) {
	largest := broker.Entry{Sequence: math.MaxUint64, Enqueued: time.UnixMilli(math.MaxInt64), DeliveryCount: math.MaxUint8}
	front, err := k.front(deviceStamps(broker.Delivery{Entry: largest}))
	return len(front) + len(k.rest), err
}

// isStamp tells the annotations that only the hub may set.
func isStamp(p amqpwire.Pair) bool {
	switch p.Key {
	case sequenceNumber, enqueuedTime, deliveryCount:
		return true
	}
	return false
}

// Codec is how messages are kept on disk: as AMQP.
type Codec struct{}

// Encode returns a message as AMQP.
func (Codec) Encode(m *broker.Message) ([]byte, error) {
	k, err := keptOf(m)
	if err != nil {
		return nil, err
	}
	return slices.Concat(k.annotations, k.rest), nil
}

// Decode reads what Encode returned.
func (Codec) Decode(b []byte) (*broker.Message, error) {
	in, err := parse(bytes.Clone(b))
	if err != nil {
		return nil, err
	}
	return in.forBroker()
}
