package amqpfront

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/address"
	"iothub-c2d/internal/localhub/broker"
)

// maxMessage is the largest encoded message that a link takes, in bytes. The
// limit on its content is smaller.
const maxMessage = 262144

// c2dSink takes the back end's messages to devices.
type c2dSink struct{ client *Client }

// MaxMessageSize is what real hubs announce, in bytes.
func (*c2dSink) MaxMessageSize() int { return maxMessage }

// TooLarge words the refusal of a larger message.
func (c *c2dSink) TooLarge() *amqpwire.Error { return tooLarge(c.MaxMessageSize()) }

// Accept puts a message into its device's queue.
func (c *c2dSink) Accept(in amqpserver.Incoming) amqpwire.DeliveryState {
	log := c.client.conn.Log()
	m, to, refused := readMessage(in.Payload)
	if refused != nil {
		return c.outcome(log, to, m, refused)
	}
	if c.client.front.options.Throttle.Sends != nil {
		if refused := c.client.shape(func() { c.send(in, to, m) }); refused != nil {
			return c.outcome(log, to, m, worded(refused))
		}
		return amqpserver.Later
	}
	c.send(in, to, m)
	return amqpserver.Later
}

func (c *c2dSink) send(in amqpserver.Incoming, to broker.ID, m *broker.Message) {
	log := c.client.conn.Log()
	c.client.front.options.Broker.SendThen(to, m, func(r *broker.Refusal) {
		in.Settle(c.outcome(log, to, m, worded(r)))
	})
}

// outcome tells what became of a message, and returns what its sender is to hear.
func (c *c2dSink) outcome(log *slog.Logger, to broker.ID, m *broker.Message, refused *amqpwire.Error) amqpwire.DeliveryState {
	if refused != nil {
		c.client.front.options.Broker.Tell(broker.Event{
			Kind: broker.EventRefused, Device: to.String(), MessageID: m.ID, Detail: string(refused.Condition),
		})
		log.Info("message refused", "condition", string(refused.Condition), "reason", explain(refused))
		return &amqpwire.Rejected{Error: refused}
	}
	log.Debug("message enqueued", "device", to.String(), "id", m.ID)
	return &amqpwire.Accepted{}
}

// readMessage returns an encoded message for the broker, and whom it is for. What
// is refused may be incomplete.
func readMessage(b []byte) (m *broker.Message, to broker.ID, refused *amqpwire.Error) {
	in, err := parse(trimmed(b))
	if err != nil {
		return new(broker.Message), to, notDecoded(err).Error
	}
	to, noRecipient := recipient(in.Properties.To)
	if refused := checkTypes(in.Message); refused != nil {
		return &broker.Message{ID: idString(in.Properties.MessageID)}, to, worded(refused)
	}
	if m, err = in.forBroker(); err != nil {
		return new(broker.Message), to, notDecoded(err).Error
	}
	for _, refused := range []*broker.Refusal{in.checkSize(), checkMessage(m), checkNames(in.ApplicationProperties), checkDelivery(m), noRecipient} {
		if refused != nil {
			return m, to, worded(refused)
		}
	}
	return m, to, nil
}

// trimmed returns b without much room to grow, since it is kept: it may have been
// put together from many frames.
func trimmed(b []byte) []byte {
	if cap(b)-len(b) > len(b)/8 {
		return bytes.Clone(b)
	}
	return b
}

// recipient understands the to property. That it names no device at all is an
// error of its own. Source: the C# SDK's ErrorCode, InvalidOperation.
func recipient(to string) (broker.ID, *broker.Refusal) {
	id, ok := address.Recipient(to)
	switch {
	case ok:
		return id, nil
	case to == "", address.Split(to).Is("messages", "devicebound"):
		return id, broker.Refuse(broker.NotAllowed, "The message has no recipient: its to property is '%s'.", to)
	}
	return id, broker.Refuse(broker.BadArgument, "The to property '%s' does not name a device.", to)
}

// What IoT Hub accepts in a message. Source: Microsoft docs,
// iot-hub-devguide-messages-construct and iot-hub-devguide-quotas-throttling.
const maxContent = 64 << 10 // bytes

// maxID is how long the id of a message may be.
const maxID = broker.MaxID

var propertyNames = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+\\-.^_`|~]+$")

// checkMessage returns why IoT Hub would not take the message, nil if it would.
func checkMessage(m *broker.Message) *broker.Refusal {
	if m.ID != "" && !broker.IsID(m.ID) {
		return broker.Refuse(broker.BadArgument, "The message id is longer than %d characters or has illegal ones.", maxID)
	}
	if e := m.Expiry; !e.IsZero() && !e.After(time.Now()) {
		return broker.Refuse(broker.Expired, "The message expired at %s.", e.Format(time.RFC3339))
	}
	switch m.Ack {
	case "", broker.AckNone, broker.AckPositive, broker.AckNegative, broker.AckFull:
		return nil
	}
	return broker.Refuse(broker.BadArgument, "The value '%s' of iothub-ack is not one of none, positive, negative, full.", string(m.Ack))
}

// checkNames is checkMessage of the names of the application properties.
func checkNames(properties amqpwire.Map) *broker.Refusal {
	for _, p := range properties {
		if name, ok := p.Key.(string); !ok || !propertyNames.MatchString(name) {
			return broker.Refuse(broker.BadArgument, "The property name '%s' has illegal characters.", name)
		}
	}
	return nil
}

// checkDelivery returns why the message could never be delivered. It grows by
// what the hub stamps on it.
func checkDelivery(m *broker.Message) *broker.Refusal {
	k, err := keptOf(m)
	if err != nil {
		return broker.Refuse(broker.BadArgument, "%v", err)
	}
	size, err := k.deliveredSize()
	switch {
	case err != nil:
		return broker.Refuse(broker.BadArgument, "%v", err)
	case size > maxMessage:
		return broker.Refuse(broker.TooLarge, "The message has %d bytes when it is delivered, the limit is %d.", size, maxMessage)
	}
	return nil
}

// checkSize counts a message as IoT Hub does, whatever the protocol: the body,
// the values of system properties, names and values of the others. Times and
// numbers among the system properties do not count, and annotations are not
// properties. Source: Microsoft docs, iot-hub-devguide-messages-construct.
func (in *incoming) checkSize() *broker.Refusal {
	n := 0
	for _, d := range in.Data {
		n += len(d)
	}
	if in.Data == nil {
		n += len(in.sections.Body)
	}
	p := in.Properties
	n += len(p.UserID) + len(p.ContentType) + len(p.ContentEncoding)
	n += len(p.To) + len(p.Subject) + len(p.ReplyTo) + len(p.GroupID) + len(p.ReplyToGroupID)
	n += len(idString(p.MessageID)) + len(idString(p.CorrelationID))
	for _, p := range in.ApplicationProperties {
		n += len(fmt.Sprint(p.Key)) + len(fmt.Sprint(p.Value))
	}
	if n > maxContent {
		return broker.Refuse(broker.TooLarge, "The message has %d bytes, the limit is %d.", n, maxContent)
	}
	return nil
}
