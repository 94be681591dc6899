package tap

import (
	"bytes"
	"io"
	"testing"

	"iothub-c2d/internal/amqpwire"
)

// BenchmarkTapRead measures what the tap costs for each message that is received,
// of the usual kind, in one frame and in several.
func BenchmarkTapRead(b *testing.B) {
	now := amqpwire.Timestamp(1767323045678)
	message := &amqpwire.Message{
		Annotations: amqpwire.Map{
			{Key: amqpwire.Symbol("iothub-enqueuedtime"), Value: now},
			{Key: amqpwire.Symbol("x-opt-sequence-number"), Value: uint64(1)},
			{Key: amqpwire.Symbol("iothub-deliverycount"), Value: uint8(0)},
		},
		Properties:            &amqpwire.Properties{MessageID: "91ceb2a4-4f1b-4f2c-9d0e-3d6a2f7a7c55", To: "/devices/myFirstDevice/messages/devicebound", CorrelationID: "c"},
		ApplicationProperties: amqpwire.Map{{Key: "color", Value: "red"}, {Key: "size", Value: "large"}, {Key: "iothub-ack", Value: "full"}},
	}
	for name, size := range map[string]int{"1KB": 1 << 10, "60KB": 60 << 10, "256KB": 256 << 10} {
		b.Run(name, func(b *testing.B) {
			message.Data = [][]byte{make([]byte, size)}
			payload, err := message.Append(nil)
			if err != nil {
				b.Fatal(err)
			}
			var frames []byte
			for len(payload) > 0 {
				n := min(len(payload), 65_000)
				frames, err = amqpwire.AppendFrame(frames, amqpwire.Frame{Body: &amqpwire.Transfer{
					DeliveryID: new(uint32(1)), DeliveryTag: make([]byte, 16), MessageFormat: new(uint32), More: n < len(payload),
				}, Payload: payload[:n]})
				if err != nil {
					b.Fatal(err)
				}
				payload = payload[n:]
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(frames)))
			b.ResetTimer()
			tap := New(&fakeConn{Reader: io.MultiReader(bytes.NewReader(amqpwire.HeaderAMQP[:]), &repeated{frames, b.N, nil})}, nil)
			if _, err := io.Copy(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{tap}); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// repeated reads the same so many times.
type repeated struct {
	what  []byte
	times int
	rest  []byte
}

func (r *repeated) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.times == 0 {
			return 0, io.EOF
		}
		r.times--
		r.rest = r.what
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
