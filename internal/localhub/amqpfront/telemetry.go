package amqpfront

import (
	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// batchFormat is the message format of a batch: each data section holds one
// encoded message. Source: the C and C# device SDKs.
const batchFormat = 0x80013700

// telemetrySink counts the device-to-cloud messages that devices send along. They
// are not kept.
type telemetrySink struct {
	client *Client
	device *broker.Mailbox
}

// MaxMessageSize is IoT Hub's limit for telemetry, in bytes.
func (*telemetrySink) MaxMessageSize() int { return maxMessage }

// TooLarge words the refusal of a larger message.
func (t *telemetrySink) TooLarge() *amqpwire.Error { return tooLarge(t.MaxMessageSize()) }

// Accept counts a message, or the messages of a batch.
func (t *telemetrySink) Accept(in amqpserver.Incoming) amqpwire.DeliveryState {
	n := int64(1)
	m, err := amqpwire.DecodeMessage(in.Payload)
	if err != nil {
		return notDecoded(err)
	}
	if in.Format == batchFormat {
		n = int64(len(m.Data))
	}
	t.device.Active()
	total := t.client.front.telemetry.Add(n)
	t.client.conn.Log().Info("telemetry", "device", t.device.ID.String(), "messages", n, "total", total)
	return &amqpwire.Accepted{}
}
