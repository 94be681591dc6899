package localhub

import (
	"bytes"
	"strings"
	"testing"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// TestUnstorableTypesAreRefused sends messages that no IoT Hub would store, and
// that receivers may not survive.
func TestUnstorableTypesAreRefused(t *testing.T) {
	t.Parallel()
	type (
		m    = amqpwire.Map
		pair = amqpwire.Pair
		list = amqpwire.List
		sym  = amqpwire.Symbol
	)
	described := amqpwire.Described{Descriptor: uint64(1), Value: list{}}
	one := func(key, value any) m { return m{{Key: key, Value: value}} }
	annotations := func(a m) func(*amqpwire.Message) { return func(m *amqpwire.Message) { m.Annotations = a } }
	delivery := func(a m) func(*amqpwire.Message) { return func(m *amqpwire.Message) { m.DeliveryAnnotations = a } }
	footer := func(a m) func(*amqpwire.Message) { return func(m *amqpwire.Message) { m.Footer = a } }
	property := func(v any) func(*amqpwire.Message) {
		return func(m *amqpwire.Message) { m.ApplicationProperties = one("name", v) }
	}
	body := func(v any) func(*amqpwire.Message) { return func(m *amqpwire.Message) { m.Data, m.Value = nil, v } }
	for _, test := range []struct {
		name string
		edit func(*amqpwire.Message)
		text string // of the refusal; empty: the message is taken
	}{
		{"symbols and ulongs as annotations", annotations(m{{Key: sym("a"), Value: "x"}, {Key: uint64(1), Value: nil}}), ""},
		{"string as annotation", annotations(one("a", "x")), "A key of the message annotations is the string 'a', not a symbol or a ulong."},
		{"uint as annotation", annotations(one(uint32(1), "x")), "A key of the message annotations is '1'"},
		{"list as annotation", annotations(one(list{"a"}, "x")), "A key of the message annotations is a list"},
		{"described annotation", annotations(one(described, "x")), "A key of the message annotations is a described value"},
		{"binary as annotation", annotations(one([]byte("a"), "x")), "A key of the message annotations is binary"},
		{"null as annotation", annotations(one(nil, "x")), "A key of the message annotations is null"},
		{"list in an annotation", annotations(one(sym("a"), list{})), "The value of the message annotation 'a' is a list."},
		{"map in an annotation", annotations(one(sym("a"), m{})), "The value of the message annotation 'a' is a map."},
		{"list as delivery annotation", delivery(one(list{}, "x")), "A key of the delivery annotations is a list"},
		{"string in the footer", footer(one("a", "x")), "A key of the footer is the string 'a'"},
		{"map in the footer", footer(one(sym("a"), one(int32(1), one("b", list{m{}})))), ""},
		{"binary deep in the footer", footer(one(sym("a"), list{amqpwire.Described{Descriptor: sym("d"), Value: one([]byte("k"), 1.5)}})), "A key of a map in the footer is binary."},

		{"property of every simple type", func(msg *amqpwire.Message) {
			for i, v := range []any{
				nil, true, uint8(1), uint16(1), uint32(1), uint64(1), int8(1), int16(1), int32(1), int64(1), float32(1), 1.5,
				amqpwire.Decimal32{},
				amqpwire.Decimal64{},
				amqpwire.Decimal128{},
				amqpwire.Char('c'), amqpwire.Timestamp(1),
				amqpwire.UUID{},
				[]byte("b"), "s", sym("s"),
			} {
				msg.ApplicationProperties = append(msg.ApplicationProperties, pair{Key: string(rune('a' + i)), Value: v})
			}
		}, ""},
		{"list in a property", property(list{}), "The value of the property 'name' is a list."},
		{"map in a property", property(m{}), "The value of the property 'name' is a map."},
		{"array in a property", property(amqpwire.Array{int32(1)}), "The value of the property 'name' is an array."},
		{"described property", property(described), "The value of the property 'name' is a described value."},
		{"list as property name", func(msg *amqpwire.Message) { msg.ApplicationProperties = one(list{}, "x") }, "The name of a property is a list, not a string."},

		{"body of plain maps", body(m{{Key: "a", Value: one(uint64(1), nil)}, {Key: true, Value: list{one(sym("s"), m{})}}}), ""},
		{"list as key in the body", body(one(list{}, "x")), "A key of a map in the body is a list."},
		{"map as key in the body", body(list{one(m{}, "x")}), "A key of a map in the body is a map."},
		{"array as key in the body", body(amqpwire.Array{one(amqpwire.Array{true}, "x")}), "A key of a map in the body is an array."},
		{"binary as key in the body", body(one([]byte("a"), "x")), "A key of a map in the body is binary."},
		{"null as key in the body", body(one(nil, "x")), "A key of a map in the body is null."},
		{"described key in the body", body(amqpwire.Described{Descriptor: sym("d"), Value: one(described, "x")}), "A key of a map in the body is a described value."},
		{"list as key in a sequence", func(msg *amqpwire.Message) {
			msg.Data, msg.Sequences = nil, []list{{1.5}, {"x", one(list{}, "x")}}
		}, "A key of a map in the body is a list."},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.service()
				c.Sender(0, serviceAddress)
				msg := c2d("odd")
				test.edit(msg)
				refused := c.sendC2D(msg)
				if test.text == "" {
					rawclient.WantCondition(t, "outcome", refused, "")
					return
				}
				wantHubError(t, rawclient.WantCondition(t, "outcome", refused, condArgument), int(broker.BadArgument))
				if !strings.Contains(refused.Description, test.text) {
					t.Errorf("refused with %s, want %q", refused.Description, test.text)
				}
				if n := w.queueOf("dev1").Len(); n != 0 {
					t.Errorf("%d messages are stored", n)
				}
			})
		})
	}
}

// widely encodes a message in the longest forms that there are, by descriptors
// with names and sizes of four bytes.
func widely() []byte {
	const (
		to       = "/devices/dev1/messages/devicebound"
		property = "\xb1\x00\x00\x00\x01n\xb1\x00\x00\x00\x01v"
	)
	long := func(code byte, content string) string {
		n := len(content)
		return string([]byte{code, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + content
	}
	properties := "\x00\x00\x00\x03\x40\x40" + long(0xb1, to)
	return []byte("\x00" + long(0xb3, "amqp:properties:list") + long(0xd0, properties) +
		"\x00" + long(0xb3, "amqp:application-properties:map") + long(0xd1, "\x00\x00\x00\x02"+property) +
		"\x00\x80\x00\x00\x00\x00\x00\x00\x00\x75" + long(0xb0, "one") +
		"\x00\x53\x75" + long(0xb0, "two") +
		"\x00\x53\x78" + long(0xd1, "\x00\x00\x00\x02"+long(0xb3, "f")+long(0xf0, "\x00\x00\x00\x02\x53\x01\x02")))
}

// TestMessagesPassAsTheyCame checks that from properties to footer the device
// gets the very bytes that the back end has sent, from the disk too.
func TestMessagesPassAsTheyCame(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		back := w.service()
		back.Sender(0, serviceAddress)
		header := rawclient.Encode(t, &amqpwire.Message{Header: &amqpwire.Header{Durable: true}, DeliveryAnnotations: amqpwire.Map{}})
		annotations := amqpwire.Map{{Key: amqpwire.Symbol("dt-subject"), Value: "kept"}, {Key: amqpwire.Symbol("iothub-deliverycount"), Value: "forged"}}
		for _, before := range [][]byte{nil, append(header, rawclient.Encode(t, &amqpwire.Message{Annotations: annotations})...)} {
			back.sendBytes(append(before, widely()...))
			if d := wantAfterFlows[*amqpwire.Disposition](back); d.State == nil {
				t.Fatalf("%+v", d)
			}
		}
		c := w.listening(10)
		for _, kept := range []int{0, 1} {
			_, payload := c.WantTransfer()
			rest, ok := bytes.CutSuffix(payload, widely())
			if m := rawclient.Decode(t, rest); !ok || len(m.Annotations) != kept+3 || m.Header != nil || m.DeliveryAnnotations != nil {
				t.Errorf("delivered % x, want stamps and then % x", payload, widely())
			}
		}
	})
}

// TestGrowthIsNotDelivered sends a message that would be eight times as large if
// the hub encoded it anew: 200,000 small numbers.
func TestGrowthIsNotDelivered(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		const count = 200_000
		numbers := append([]byte{0xf0, 0, 3, 0x0d, 0x40 + 5, 0, 3, 0x0d, 0x40, 0x53}, bytes.Repeat([]byte{7}, count)...)
		pair := append([]byte{0xa3, 1, 'n'}, numbers...)
		size := len(pair) + 4
		footer := append([]byte{0, 0x53, 0x78, 0xd1, 0, byte(size >> 16), byte(size >> 8), byte(size), 0, 0, 0, 2}, pair...)
		back := w.service()
		back.Sender(0, serviceAddress)
		back.sendBytes(append(rawclient.Encode(t, c2d("numbers")), footer...))
		d := wantAfterFlows[*amqpwire.Disposition](back)
		if _, ok := d.State.(*amqpwire.Accepted); !ok {
			t.Fatalf("%+v", d.State)
		}
		c := w.listening(1)
		n := 0
		for more := true; more; {
			transfer, payload := c.WantTransfer()
			n += len(payload)
			more = transfer.More
		}
		if n < count || n > count+1000 {
			t.Errorf("delivered %d bytes", n)
		}
	})
}

// TestMessagesAreMeasuredAsDelivered checks the limit to the byte: a message that
// it would take its stamps to exceed is refused, the largest other is delivered.
func TestMessagesAreMeasuredAsDelivered(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		back := w.service()
		back.Sender(0, serviceAddress)
		padded := func(padding int) *amqpwire.Message {
			m := c2d("m")
			m.Footer = amqpwire.Map{{Key: amqpwire.Symbol("padding"), Value: make([]byte, padding)}}
			return m
		}
		bare := len(rawclient.Encode(t, padded(70_000))) - 70_000
		// The stamps of the first delivery; later ones have numbers with more digits.
		const largest = 3 + 2 + 1 + 2 + len("x-opt-sequence-number") + 9 + 2 + len("iothub-enqueuedtime") + 9 + 2 + len("iothub-deliverycount") + 2
		fits := maxMessage - bare - largest
		refused := rawclient.WantCondition(t, "one byte more", back.sendC2D(padded(fits+1)), amqpserver.CondTooLarge)
		wantHubError(t, refused, int(broker.TooLarge))
		rawclient.WantCondition(t, "what fits", back.sendC2D(padded(fits)), "")
		c := w.device("dev1")
		if a := c.Receiver(0, deviceAddress); a.MaxMessageSize == nil || *a.MaxMessageSize != maxMessage {
			t.Errorf("the device is told %v, want %d bytes", a.MaxMessageSize, maxMessage)
		}
		c.Credit(0, 0, 1)
		n := 0
		for more := true; more; {
			transfer, payload := c.WantTransfer()
			n += len(payload)
			more = transfer.More
		}
		if n > maxMessage || n < maxMessage-16 {
			t.Errorf("delivered %d bytes, want %d at most, and nearly as many", n, maxMessage)
		}
	})
}

// TestUndeliverableMessageIsRejected checks a message that only an older hub would
// have stored: it is named, and does not stand in the way.
func TestUndeliverableMessageIsRejected(t *testing.T) {
	var log logLines
	inWorld(t, Options{Logger: newLogger(&log)}, func(t *testing.T, w *world) {
		m := c2d("giant")
		m.Footer = amqpwire.Map{{Key: amqpwire.Symbol("padding"), Value: make([]byte, maxMessage)}}
		w.put(m)
		w.enqueue("m1")
		c := w.listening(10)
		if _, payload := c.WantTransfer(); idOf(rawclient.Decode(t, payload)) != "m1" {
			t.Errorf("delivered %v, want m1", rawclient.Decode(t, payload).Properties)
		}
		if !log.has("message rejected, since it cannot be delivered id=giant") {
			t.Errorf("log = %q", log.lines)
		}
	})
}
