package localhub

import (
	"log/slog"
	"sync/atomic"

	"iothub-c2d/internal/amqpwire"
)

// batchFormat is the message format of a batch: each data section holds one
// encoded message. Source: the C and C# device SDKs.
const batchFormat = 0x80013700

// telemetry counts the device-to-cloud messages that devices send along. They
// are not kept.
type telemetry struct{ messages atomic.Int64 }

type telemetrySink struct {
	hub    *Hub
	log    *slog.Logger
	device identity
}

func (t *telemetrySink) accept(in incoming) amqpwire.DeliveryState {
	n := int64(1)
	m, err := amqpwire.DecodeMessage(in.bytes)
	if err != nil {
		return &amqpwire.Rejected{Error: protocolError(condDecodeError, "%v", err)}
	}
	if in.format == batchFormat {
		n = int64(len(m.Data))
	}
	total := t.hub.telemetry.messages.Add(n)
	t.log.Info("telemetry", "device", t.device.String(), "messages", n, "total", total)
	return &amqpwire.Accepted{}
}
