package cmd_test

import (
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

// measureCodec compares the local hub's codec with go-amqp's, in this process: on a
// message as IoT Hub delivers it.
func (b *bench) measureCodec() {
	n := b.some(300_000)
	m := &amqp.Message{
		Annotations:           amqp.Annotations{"x-opt-sequence-number": uint64(7), "iothub-deliverycount": uint8(0)},
		Properties:            &amqp.MessageProperties{MessageID: "91ceb2a4-4f1b-4f2c-9d0e-3d6a2f7a7c55", To: new("/devices/myFirstDevice/messages/devicebound")},
		ApplicationProperties: map[string]any{iothub.AckProperty: "full"},
		Data:                  [][]byte{[]byte(text)},
	}
	encoded, err := m.MarshalBinary()
	if err != nil {
		b.t.Fatal(err)
	}
	decoded, err := amqpwire.DecodeMessage(encoded)
	if err != nil {
		b.t.Fatal(err)
	}
	var buf []byte
	for _, of := range []struct {
		what       string
		ours, bare func() error
	}{
		{
			"decode",
			func() error { _, err := amqpwire.DecodeMessage(encoded); return err },
			func() error { return new(amqp.Message).UnmarshalBinary(encoded) },
		},
		{
			"encode",
			func() (err error) { buf, err = decoded.Append(buf[:0]); return err },
			func() error { _, err := m.MarshalBinary(); return err },
		},
	} {
		b.compare(kind{"ns", "%.0f", false, func(r result) []float64 { return r.figures }}, []string{of.what + " a message"},
			func() result { return b.repeat(n, of.ours) }, func() result { return b.repeat(n, of.bare) })
		b.compare(kind{"allocations", "%.0f", false, func(r result) []float64 { return r.figures }}, []string{of.what + " a message"},
			func() result { return b.allocations(of.ours) }, func() result { return b.allocations(of.bare) })
	}
}

// repeat returns how many nanoseconds f takes.
func (b *bench) repeat(n int, f func() error) result {
	began := time.Now()
	for range n {
		if err := f(); err != nil {
			b.t.Fatal(err)
		}
	}
	return result{figures: []float64{float64(time.Since(began).Nanoseconds()) / float64(n)}}
}

func (b *bench) allocations(f func() error) result {
	return result{figures: []float64{testing.AllocsPerRun(100, func() { _ = f() })}} // see repeat for its error
}
