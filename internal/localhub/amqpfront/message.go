package amqpfront

import (
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// incoming is a message that somebody has encoded. It always has properties.
type incoming struct {
	*amqpwire.Message
	sections amqpwire.Sections
	rest     []byte // properties to footer, as they are encoded
}

// parse reads an encoded message, which aliases b.
func parse(b []byte) (*incoming, error) {
	m, err := amqpwire.DecodeMessage(b)
	if err != nil {
		return nil, err
	}
	s, err := amqpwire.SplitMessage(b)
	if err != nil {
		return nil, err
	}
	m.Properties = propertiesOf(m)
	return &incoming{m, s, b[len(s.Header)+len(s.DeliveryAnnotations)+len(s.Annotations):]}, nil
}

// forBroker returns the message for the broker to keep.
func (in *incoming) forBroker() (*broker.Message, error) {
	k, err := in.keep()
	if err != nil {
		return nil, err
	}
	m := &broker.Message{
		ID:              idString(in.Properties.MessageID),
		CorrelationID:   idString(in.Properties.CorrelationID),
		To:              in.Properties.To,
		UserID:          in.Properties.UserID,
		ContentType:     string(in.Properties.ContentType),
		ContentEncoding: string(in.Properties.ContentEncoding),
		Ack:             ackOf(in.Message),
		Expiry:          expiry(in.Message),
		Properties:      propertiesAsText(in.ApplicationProperties),
		Body:            bodyOf(in.Message),
		Origin:          k,
	}
	m.Size = sizeOf(m, k)
	if len(in.Data) > 1 {
		m.Size += len(m.Body) // it is no part of the encoded message
	}
	return m, nil
}

// sizeOf returns about how many bytes a message takes in memory: as it is encoded,
// and what of it is kept as text besides.
func sizeOf(m *broker.Message, k *kept) int {
	const fixed, perProperty = 512, 48
	n := fixed + len(k.annotations) + cap(k.rest)
	n += len(m.ID) + len(m.CorrelationID) + len(m.To) + len(m.ContentType) + len(m.ContentEncoding)
	for _, p := range m.Properties {
		n += perProperty + len(p.Name) + len(p.Value)
	}
	return n
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

// wireMessage returns a message of the broker's that no sender has encoded.
func wireMessage(m *broker.Message) *amqpwire.Message {
	w := &amqpwire.Message{
		Properties: &amqpwire.Properties{
			MessageID:       idOf(m.ID),
			CorrelationID:   idOf(m.CorrelationID),
			To:              m.To,
			UserID:          m.UserID,
			ContentType:     amqpwire.Symbol(m.ContentType),
			ContentEncoding: amqpwire.Symbol(m.ContentEncoding),
		},
		Data: [][]byte{m.Body},
	}
	if !m.Expiry.IsZero() {
		w.Properties.AbsoluteExpiryTime = new(amqpwire.NewTimestamp(m.Expiry))
	}
	if m.Ack != "" {
		w.ApplicationProperties = amqpwire.Map{{Key: ackProperty, Value: string(m.Ack)}}
	}
	for _, p := range m.Properties {
		w.ApplicationProperties = append(w.ApplicationProperties, amqpwire.Pair{Key: p.Name, Value: p.Value})
	}
	return w
}

// idString returns a message id of any AMQP type as text.
func idString(id any) string {
	switch id := id.(type) {
	case nil:
		return ""
	case []byte:
		return string(id)
	}
	return fmt.Sprint(id)
}

// idOf is the inverse of idString for an id that is text.
func idOf(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// propertiesOf returns a message's properties, empty if it has none.
func propertiesOf(m *amqpwire.Message) *amqpwire.Properties {
	if m.Properties == nil {
		return new(amqpwire.Properties)
	}
	return m.Properties
}

// ackProperty is the application property that holds a message's ack mode.
const ackProperty = "iothub-ack"

// ackOf returns a message's ack mode, which need not be one. Two have a second
// name, which the Java SDK sends.
func ackOf(m *amqpwire.Message) broker.Ack {
	switch mode := m.ApplicationProperties.String(ackProperty); mode {
	case "positiveonly":
		return broker.AckPositive
	case "negativeonly":
		return broker.AckNegative
	default:
		return broker.Ack(mode)
	}
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
