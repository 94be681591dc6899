package amqpfront

import (
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// brokerMessage returns a message for the broker to keep. What is about the link
// that it came on, and annotations that only the hub may set, are taken off; the
// rest is passed on as it is.
func brokerMessage(m *amqpwire.Message) *broker.Message {
	m.Header, m.DeliveryAnnotations = nil, nil
	m.Annotations = slices.DeleteFunc(m.Annotations, isStamp)
	return &broker.Message{
		ID:              messageID(m),
		CorrelationID:   idString(m.Properties.CorrelationID),
		To:              m.Properties.To,
		UserID:          m.Properties.UserID,
		ContentType:     string(m.Properties.ContentType),
		ContentEncoding: string(m.Properties.ContentEncoding),
		Ack:             ackOf(m),
		Expiry:          expiry(m),
		Properties:      propertiesAsText(m.ApplicationProperties),
		Body:            bodyOf(m),
		Origin:          m,
	}
}

func propertiesAsText(m amqpwire.Map) (list []broker.Property) {
	for _, p := range m {
		if name, ok := p.Key.(string); ok && name != ackProperty {
			list = append(list, broker.Property{Name: name, Value: asText(p.Value), Null: p.Value == nil})
		}
	}
	return list
}

// asText returns a property's value for protocols that have nothing but text.
func asText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case amqpwire.Timestamp:
		return v.Time().Format(time.RFC3339Nano)
	case amqpwire.Char:
		return string(rune(v))
	}
	return fmt.Sprint(v)
}

// bodyOf returns the content of the data sections, which most messages have one
// of.
func bodyOf(m *amqpwire.Message) []byte {
	if len(m.Data) == 1 {
		return m.Data[0]
	}
	return slices.Concat(m.Data...)
}

// isStamp tells the annotations that only the hub may set.
func isStamp(p amqpwire.Pair) bool {
	switch p.Key {
	case sequenceNumber, enqueuedTime, deliveryCount:
		return true
	}
	return false
}

// wireMessage returns a message of the broker's as AMQP has it: what a back end
// has sent, or what the hub says itself.
func wireMessage(m *broker.Message) *amqpwire.Message {
	if sent, ok := m.Origin.(*amqpwire.Message); ok {
		return sent
	}
	return &amqpwire.Message{
		Properties: &amqpwire.Properties{UserID: m.UserID, ContentType: amqpwire.Symbol(m.ContentType)},
		Data:       [][]byte{m.Body},
	}
}

// Codec is how messages are kept on disk: as AMQP.
type Codec struct{}

// Encode returns a message as AMQP.
func (Codec) Encode(m *broker.Message) ([]byte, error) { return wireMessage(m).Append(nil) }

// Decode reads what Encode returned.
func (Codec) Decode(b []byte) (*broker.Message, error) {
	m, err := amqpwire.DecodeMessage(b)
	if err != nil {
		return nil, err
	}
	m.Properties = propertiesOf(m)
	return brokerMessage(m), nil
}

// messageID returns a message's id as feedback spells it.
func messageID(m *amqpwire.Message) string { return idString(m.Properties.MessageID) }

// ackProperty is the application property that holds a message's ack mode.
const ackProperty = "iothub-ack"

func ackOf(m *amqpwire.Message) broker.Ack {
	return broker.Ack(m.ApplicationProperties.String(ackProperty))
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
