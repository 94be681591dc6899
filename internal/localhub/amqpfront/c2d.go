package amqpfront

import (
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
	c.client.front.options.Broker.SendThen(to, brokerMessage(m), func(r *broker.Refusal) {
		in.Settle(c.outcome(log, to, m, worded(r)))
	})
	return amqpserver.Later
}

// outcome tells what became of a message, and returns what its sender is to hear.
func (c *c2dSink) outcome(log *slog.Logger, to broker.ID, m *amqpwire.Message, refused *amqpwire.Error) amqpwire.DeliveryState {
	c.tell(to, m, refused)
	if refused != nil {
		log.Info("message refused", "condition", string(refused.Condition), "reason", explain(refused))
		return &amqpwire.Rejected{Error: refused}
	}
	log.Debug("message enqueued", "device", to.String(), "id", messageID(m))
	return &amqpwire.Accepted{}
}

// tell tells what became of the message.
func (c *c2dSink) tell(to broker.ID, m *amqpwire.Message, refused *amqpwire.Error) {
	e := broker.Event{Kind: broker.EventEnqueued, Device: to.String(), MessageID: messageID(m)}
	if refused != nil {
		e.Kind, e.Detail = broker.EventRefused, string(refused.Condition)
	}
	c.client.front.options.Broker.Tell(e)
}

// readMessage returns an encoded message with properties, and whom it is for.
// What is refused may be incomplete.
func readMessage(b []byte) (m *amqpwire.Message, to broker.ID, refused *amqpwire.Error) {
	m, err := amqpwire.DecodeMessage(b)
	if err != nil {
		m, refused = new(amqpwire.Message), notDecoded(err).Error
	}
	m.Properties = propertiesOf(m)
	to, ok := address.Recipient(m.Properties.To)
	if refused == nil {
		refused = worded(checkMessage(m))
	}
	if refused == nil && !ok {
		refused = worded(broker.Refuse(broker.BadArgument, "The to property '%s' does not name a device.", m.Properties.To))
	}
	return m, to, refused
}

// What IoT Hub accepts in a message. Source: Microsoft docs,
// iot-hub-devguide-messages-construct and iot-hub-devguide-quotas-throttling.
const maxContent = 64 << 10 // bytes

// maxID is how long the id of a message may be.
const maxID = broker.MaxID

var propertyNames = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+\\-.^_`|~]+$")

// checkMessage returns why IoT Hub would not take the message, nil if it would.
func checkMessage(m *amqpwire.Message) *broker.Refusal {
	if size := contentSize(m); size > maxContent {
		return broker.Refuse(broker.TooLarge, "The message has %d bytes, the limit is %d.", size, maxContent)
	}
	if id := messageID(m); id != "" && !broker.IsID(id) {
		return broker.Refuse(broker.BadArgument, "The message id is longer than %d characters or has illegal ones.", maxID)
	}
	if e := expiry(m); !e.IsZero() && !e.After(time.Now()) {
		return broker.Refuse(broker.Expired, "The message expired at %s.", e.Format(time.RFC3339))
	}
	for _, p := range m.ApplicationProperties {
		if name, ok := p.Key.(string); !ok || !propertyNames.MatchString(name) {
			return broker.Refuse(broker.BadArgument, "The property name '%v' has illegal characters.", p.Key)
		}
	}
	switch mode := ackOf(m); mode {
	case "", broker.AckNone, broker.AckPositive, broker.AckNegative, broker.AckFull:
		return nil
	default:
		return broker.Refuse(broker.BadArgument, "The value '%s' of iothub-ack is not one of none, positive, negative, full.", mode)
	}
}

// contentSize counts a message as IoT Hub does, whatever the protocol: the
// body, the values of system properties, names and values of the others. Times
// and numbers among the system properties do not count, and annotations are
// not properties. Source: Microsoft docs, iot-hub-devguide-messages-construct.
func contentSize(m *amqpwire.Message) (n int) {
	for _, d := range m.Data {
		n += len(d)
	}
	if m.Data == nil {
		body, _ := (&amqpwire.Message{Sequences: m.Sequences, Value: m.Value}).Append(nil)
		n += len(body)
	}
	p := m.Properties
	n += len(p.UserID) + len(p.ContentType) + len(p.ContentEncoding)
	n += len(p.To) + len(p.Subject) + len(p.ReplyTo) + len(p.GroupID) + len(p.ReplyToGroupID)
	n += len(idString(p.MessageID)) + len(idString(p.CorrelationID))
	for _, p := range m.ApplicationProperties {
		n += len(fmt.Sprint(p.Key)) + len(fmt.Sprint(p.Value))
	}
	return n
}
