package localhub

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// ackProperty is the application property that holds a message's [ackMode].
const ackProperty = "iothub-ack"

// c2dSink takes the back end's messages to devices.
type c2dSink struct {
	hub *Hub
	log *slog.Logger
}

func (c *c2dSink) accept(in incoming) amqpwire.DeliveryState {
	m, to, refused := readMessage(in.bytes)
	if refused == nil {
		refused = c.enqueue(m, to)
	}
	c.hub.tellTaken(to, m, refused)
	if refused != nil {
		c.log.Info("message refused", "condition", string(refused.Condition), "reason", explain(refused))
		return &amqpwire.Rejected{Error: refused}
	}
	c.log.Debug("message enqueued", "device", to.String(), "id", messageID(m))
	return &amqpwire.Accepted{}
}

// readMessage returns an encoded message with properties, and whom it is for.
// What is refused may be incomplete.
func readMessage(b []byte) (m *amqpwire.Message, to identity, refused *amqpwire.Error) {
	m, err := amqpwire.DecodeMessage(b)
	if err != nil {
		m, refused = new(amqpwire.Message), protocolError(condDecodeError, "%v", err)
	}
	m.Properties = propertiesOf(m)
	to, ok := parseRecipient(m.Properties.To)
	if refused == nil {
		refused = checkMessage(m)
	}
	if refused == nil && !ok {
		refused = refusal(condArgument, codeBadArgument, "The to property '%s' does not name a device.", m.Properties.To)
	}
	return m, to, refused
}

func (c *c2dSink) enqueue(m *amqpwire.Message, to identity) *amqpwire.Error {
	box, refused := c.hub.mailbox(to)
	if refused != nil {
		return refused
	}
	m.Header, m.DeliveryAnnotations = nil, nil // they are about the link that the message came on
	m.Annotations = slices.DeleteFunc(m.Annotations, isStamp)
	if err := box.queue.put(m, expiry(m)); err != nil {
		return c.notQueued(err, to)
	}
	return nil
}

// isStamp tells the annotations that only the hub may set.
func isStamp(p amqpwire.Pair) bool {
	switch p.Key {
	case sequenceNumber, enqueuedTime, deliveryCount:
		return true
	}
	return false
}

func (c *c2dSink) notQueued(err error, to identity) *amqpwire.Error {
	if errors.Is(err, errQueueFull) {
		return refusal(condLimitExceeded, codeQueueFull,
			"Cloud-to-device messages enqueued for device %s exceeded the queue limit of %d.", to, c.hub.options.MaxQueue)
	}
	return refusal(condInternalError, codeInternal, "%v", err)
}

// What IoT Hub accepts in a message. Source: Microsoft docs,
// iot-hub-devguide-messages-construct and iot-hub-devguide-quotas-throttling.
const maxContent = 64 << 10 // bytes

// maxID is how long the id of a message or a module may be.
const maxID = 128

var (
	ids           = regexp.MustCompile(`^[A-Za-z0-9\-:.+%_#*?!(),=@;$']+$`)
	propertyNames = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+\\-.^_`|~]+$")
)

// isID reports whether IoT Hub would take the text for an id.
func isID(text string) bool { return len(text) <= maxID && ids.MatchString(text) }

// checkMessage returns why IoT Hub would not take the message, nil if it would.
func checkMessage(m *amqpwire.Message) *amqpwire.Error {
	if size := contentSize(m); size > maxContent {
		return refusal(condTooLarge, codeTooLarge, "The message has %d bytes, the limit is %d.", size, maxContent)
	}
	if id := messageID(m); id != "" && !isID(id) {
		return refusal(condArgument, codeBadArgument, "The message id is longer than 128 characters or has illegal ones.")
	}
	if e := expiry(m); !e.IsZero() && !e.After(time.Now()) {
		return refusal(condNotAllowed, codeExpired, "The message expired at %s.", e.Format(time.RFC3339))
	}
	for _, p := range m.ApplicationProperties {
		if name, ok := p.Key.(string); !ok || !propertyNames.MatchString(name) {
			return refusal(condArgument, codeBadArgument, "The property name '%v' has illegal characters.", p.Key)
		}
	}
	switch mode := ackMode(m.ApplicationProperties.String(ackProperty)); mode {
	case "", ackNone, ackPositive, ackNegative, ackFull:
		return nil
	default:
		return refusal(condArgument, codeBadArgument, "The value '%s' of iothub-ack is not one of none, positive, negative, full.", mode)
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

// expiry returns when a message wants to expire, the zero time if it does not
// say. Clients that always send the field send year 1 for none.
func expiry(m *amqpwire.Message) time.Time {
	t := m.Properties.AbsoluteExpiryTime
	if t == nil || *t <= 0 {
		return time.Time{}
	}
	return min(*t, endOfTime).Time()
}

// endOfTime is the last millisecond of year 9999: entries are stored in JSON,
// which has no later one.
const endOfTime amqpwire.Timestamp = 253402300799999

// messageID returns a message's id as feedback spells it.
func messageID(m *amqpwire.Message) string { return idString(m.Properties.MessageID) }

func idString(id any) string {
	switch id := id.(type) {
	case nil:
		return ""
	case []byte:
		return string(id)
	}
	return fmt.Sprint(id)
}
