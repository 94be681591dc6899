package amqpwire

import (
	"bytes"
	"testing"
)

// command is a transfer as a hub sends it: one command for a device.
func command(b *testing.B) Frame {
	b.Helper()
	m := Message{
		Annotations: Map{
			{Symbol("x-opt-sequence-number"), uint64(7)},
			{Symbol("iothub-enqueuedtime"), Timestamp(1502966924530)},
			{Symbol("iothub-deliverycount"), uint8(0)},
		},
		Properties: &Properties{
			MessageID: "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
			UserID:    []byte("service"),
			To:        "/devices/dev1/messages/devicebound",
		},
		ApplicationProperties: Map{{"iothub-ack", "full"}},
		Data:                  [][]byte{bytes.Repeat([]byte("x"), 256)},
	}
	payload, err := m.Append(nil)
	if err != nil {
		b.Fatal(err)
	}
	transfer := &Transfer{
		Handle:        1,
		DeliveryID:    new(uint32(300)),
		DeliveryTag:   make([]byte, 16),
		MessageFormat: new(uint32(0)),
	}
	return Frame{Channel: 1, Body: transfer, Payload: payload}
}

// BenchmarkDecodeTransfer decodes a frame and the message in it.
func BenchmarkDecodeTransfer(b *testing.B) {
	in, err := AppendFrame(nil, command(b))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := DecodeFrame(in)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := DecodeMessage(f.Payload); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncodeTransfer encodes a message and the frame around it.
func BenchmarkEncodeTransfer(b *testing.B) {
	f := command(b)
	m, err := DecodeMessage(f.Payload)
	if err != nil {
		b.Fatal(err)
	}
	var payload, out []byte
	b.ReportAllocs()
	for b.Loop() {
		if payload, err = m.Append(payload[:0]); err != nil {
			b.Fatal(err)
		}
		f.Payload = payload
		if out, err = AppendFrame(out[:0], f); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(out)))
}
