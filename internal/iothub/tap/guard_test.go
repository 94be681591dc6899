package tap

import (
	"bytes"
	"slices"
	"testing"

	"github.com/Azure/go-amqp"
	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/amqpwire"
)

// section returns an encoded section of a message.
func section(t testing.TB, code byte, v any) []byte {
	t.Helper()
	b, err := amqpwire.Append(nil, amqpwire.Described{Descriptor: uint64(code), Value: v})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hard are messages that go-amqp does not take, and what is to be said of each.
func hard(t testing.TB) map[string]struct {
	payload []byte
	reason  string
} {
	list := amqpwire.List{"x"}
	oneOf := func(key, v any) amqpwire.Map { return amqpwire.Map{{Key: key, Value: v}} }
	describedList := amqpwire.Described{Descriptor: amqpwire.Symbol("a:b"), Value: list}
	type message = struct {
		payload []byte
		reason  string
	}
	const no = "the AMQP library does not take it: "
	deep := bytes.Repeat([]byte{0x00}, 100_000)
	return map[string]message{
		"a list as key of the footer":                                   {section(t, sectionFooter, oneOf(list, "v")), no + "invalid map key"},
		"a described list as key of the footer":                         {section(t, sectionFooter, oneOf(describedList, "v")), no + "invalid map key"},
		"bytes as key of the footer":                                    {section(t, sectionFooter, oneOf([]byte{1}, "v")), no + "invalid map key"},
		"a list as key of the annotations":                              {section(t, sectionAnnotations, oneOf(list, "v")), no + "invalid map key"},
		"a list as key of the delivery annotations":                     {section(t, sectionDeliveryAnnotations, oneOf(list, "v")), no + "invalid map key"},
		"a list as key of the body":                                     {section(t, sectionValue, oneOf(list, "v")), no + "invalid map key"},
		"a described list as key of the body":                           {section(t, sectionValue, oneOf(describedList, "v")), no + "invalid map key"},
		"a described list as key deep in a property":                    {section(t, sectionApplication, oneOf("p", amqpwire.List{oneOf(describedList, "v")})), no + "invalid map key"},
		"a described list as key in the properties of an array of maps": {section(t, sectionValue, amqpwire.Array{oneOf(describedList, "v")}), no + "invalid map key"},
		"a char as property":                                            {section(t, sectionApplication, oneOf("p", amqpwire.Char('x'))), no + "char not implemented"},
		"a char as annotation":                                          {section(t, sectionAnnotations, oneOf(amqpwire.Symbol("p"), amqpwire.Char('x'))), no + "char not implemented"},
		"a char as id":                                                  {section(t, sectionProperties, amqpwire.List{amqpwire.Char('x')}), no + "unmarshaling field 0: char not implemented"},
		"a decimal32 as property":                                       {section(t, sectionApplication, oneOf("p", amqpwire.Decimal32{})), no + "decimal32 not implemented"},
		"a decimal64 as body":                                           {section(t, sectionValue, amqpwire.Decimal64{}), no + "decimal64 not implemented"},
		"a decimal128 in a sequence":                                    {section(t, 0x76, amqpwire.List{amqpwire.Decimal128{}}), no + "decimal128 not implemented"},
		"an array of lists":                                             {section(t, sectionValue, amqpwire.Array{list}), no + "array decoding not implemented for 0xd0"},
		"an array of described values":                                  {section(t, sectionValue, amqpwire.Array{describedList}), no + "array decoding not implemented for 0x00"},
		"a performative as body":                                        {section(t, sectionValue, amqpwire.Described{Descriptor: uint64(0x10), Value: amqpwire.List{}}), no + "readComposite unmarshal not implemented for 0x10"},
		"a number as name of a property":                                {section(t, sectionApplication, oneOf(int32(1), "v")), no + "type code 0x54 is not a recognized string type"},
		"a list with more values than go-amqp takes":                    {section(t, sectionValue, make(amqpwire.List, maxCount+1)), no + "list count 65537 exceeds maximum 65536"},
		"no section":                                                    {[]byte("payload"), "malformed AMQP data: 0x70 where a section of a message is expected"},
		"a section that is cut":                                         {section(t, sectionData, []byte("payload"))[:5], "malformed AMQP data: 7 bytes wanted, 0 left"},
		"a list that is longer than its values":                         {[]byte{0x00, 0x53, sectionValue, 0xc0, 4, 1, 0x41, 0x00, 0x53}, "malformed AMQP data: 2 bytes after the last element"},
		"values too deep, in a body":                                    {append([]byte{0x00, 0x53, sectionValue}, deep...), "malformed AMQP data: values nested more than 32 deep"},
		"descriptors of descriptors":                                    {deep, "malformed AMQP data: values nested more than 32 deep"},
	}
}

func TestHardMessagesHaveAReason(t *testing.T) {
	t.Parallel()
	for name, tt := range hard(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if plain(tt.payload) {
				t.Error("it is taken for plain")
			}
			m := decode(t, withOriginal(tt.payload))
			_, reason, ok := Original(m.Footer)
			if !ok || reason != tt.reason {
				t.Errorf("got %v, %q, want %q", ok, reason, tt.reason)
			}
		})
	}
}

// decode decodes a payload as go-amqp does.
func decode(t testing.TB, payload []byte) *amqp.Message {
	t.Helper()
	m := new(amqp.Message)
	if err := m.UnmarshalBinary(payload); err != nil {
		t.Fatal(err)
	}
	return m
}

// usualMessages are messages that are plain.
func usualMessages(t testing.TB) map[string][]byte {
	t.Helper()
	encode := func(m *amqpwire.Message) []byte {
		b, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	now := amqpwire.Timestamp(1767323045678)
	return map[string][]byte{
		"nothing": nil,
		"a body":  encode(&amqpwire.Message{Data: [][]byte{[]byte("hello")}}),
		"everything that IoT Hub sends": encode(&amqpwire.Message{
			Header:      &amqpwire.Header{DeliveryCount: 1, Priority: new(uint8(4)), TTL: new(uint32(5)), Durable: true},
			Annotations: amqpwire.Map{{Key: amqpwire.Symbol("iothub-enqueuedtime"), Value: now}, {Key: amqpwire.Symbol("x-opt-sequence-number"), Value: uint64(1)}},
			Properties: &amqpwire.Properties{
				MessageID: "m", UserID: []byte{0xff}, To: "/devices/d", CorrelationID: amqpwire.UUID{1}, ContentType: "a/b", ContentEncoding: "utf-8",
				AbsoluteExpiryTime: &now, CreationTime: &now, GroupSequence: new(uint32(1)), Subject: "s", ReplyTo: "r", GroupID: "g", ReplyToGroupID: "h",
			},
			ApplicationProperties: amqpwire.Map{
				{Key: "text", Value: "x"},
				{Key: "null", Value: nil},
				{Key: "boolean", Value: true},
				{Key: "int", Value: int32(-70000)},
				{Key: "ulong", Value: uint64(1 << 40)},
				{Key: "double", Value: 0.5},
				{Key: "time", Value: now},
				{Key: "uuid", Value: amqpwire.UUID{}},
				{Key: "bytes", Value: []byte{0}},
			},
			Data: [][]byte{bytes.Repeat([]byte("x"), 300), nil},
		}),
		"a text as value": encode(&amqpwire.Message{Value: "text"}),
		"bytes as value":  encode(&amqpwire.Message{Value: []byte{1}}),
		"a put-token reply": encode(&amqpwire.Message{
			Properties:            &amqpwire.Properties{CorrelationID: "c"},
			ApplicationProperties: amqpwire.Map{{Key: "status-code", Value: int32(200)}, {Key: "status-description", Value: "OK"}},
		}),
	}
}

// TestUsualMessagesArePlain: they are passed on as they are.
func TestUsualMessagesArePlain(t *testing.T) {
	t.Parallel()
	for name, payload := range usualMessages(t) {
		if !plain(payload) {
			t.Errorf("%s: it is not taken for plain", name)
		}
		decode(t, payload)
	}
}

// TestWhatGoAMQPDoesNotTell wants messages that go-amqp takes, but does not tell
// all of, to bring what they are. It gets them as they are, for those who need no
// more than that.
func TestWhatGoAMQPDoesNotTell(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]*amqpwire.Message{
		"a symbol as property":       {ApplicationProperties: amqpwire.Map{{Key: "p", Value: amqpwire.Symbol("s")}}},
		"null as body":               {Value: amqpwire.Null{}},
		"a map with symbols as keys": {Value: amqpwire.Map{{Key: amqpwire.Symbol("b"), Value: "v"}, {Key: amqpwire.Symbol("a"), Value: "v"}}},
		"the same key twice":         {Value: amqpwire.Map{{Key: "a", Value: "v"}, {Key: "a", Value: "w"}}},
		"bytes as an array":          {Value: amqpwire.Array{uint8(1), uint8(2)}},
		"a described value":          {Value: amqpwire.Described{Descriptor: amqpwire.Symbol("d"), Value: "v"}},
		"sequences":                  {Sequences: []amqpwire.List{{int32(1)}, {"x"}}, Footer: amqpwire.Map{{Key: amqpwire.Symbol("f"), Value: "v"}}},
	} {
		payload, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if plain(payload) {
			t.Errorf("%s: it is taken for plain", name)
		}
		passed := withOriginal(payload)
		if !bytes.HasPrefix(passed, payload) {
			t.Errorf("%s: go-amqp does not get the message itself", name)
		}
		got, reason, ok := Original(decode(t, passed).Footer)
		if diff := cmp.Diff(want, got); diff != "" || reason != "" || !ok {
			t.Errorf("%s: %v, %q, (-want +got):\n%s", name, ok, reason, diff)
		}
	}
}

// TestLessStrictThanWe wants a message that only go-amqp takes to be passed on as
// it is.
func TestLessStrictThanWe(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string][]byte{
		"a text that is not UTF-8": section(t, sectionApplication, amqpwire.Map{{Key: "p", Value: "\xff"}}),
		"sections in any order":    slices.Concat(section(t, sectionData, []byte("x")), section(t, sectionProperties, amqpwire.List{"id"})),
		"a number as id":           section(t, sectionProperties, amqpwire.List{int64(5)}),
		"a symbol as address":      section(t, sectionProperties, amqpwire.List{nil, nil, amqpwire.Symbol("to")}),
	} {
		if plain(payload) || !bytes.Equal(withOriginal(payload), payload) {
			t.Errorf("%s: it was changed, or is plain: %v", name, plain(payload))
		}
	}
}

// TestForgedFooter wants a hub that sends such a footer itself to be believed
// nothing.
func TestForgedFooter(t *testing.T) {
	t.Parallel()
	forged := section(t, sectionFooter, amqpwire.Map{{Key: "original-", Value: []byte("x")}, {Key: "unreadable-", Value: "never"}})
	if _, _, ok := Original(decode(t, forged).Footer); ok || !plain(forged) {
		t.Error("the hub is believed")
	}
	forged = slices.Concat(section(t, sectionApplication, amqpwire.Map{{Key: "p", Value: amqpwire.Symbol("s")}}), forged)
	m, reason, ok := Original(decode(t, withOriginal(forged)).Footer)
	if !ok || reason != "" || m.ApplicationProperties.String("p") != "s" {
		t.Errorf("got %v, %q, %v: the hub is believed", m, reason, ok)
	}
}

// TestReadAsFarAsPossible wants of a message that cannot be read all that can be.
func TestReadAsFarAsPossible(t *testing.T) {
	t.Parallel()
	const badSection = 0x79
	for name, tt := range map[string]struct {
		payload []byte
		want    *amqpwire.Message
	}{
		"a field of the properties is wrong": {
			section(t, sectionProperties, amqpwire.List{amqpwire.Char('x'), []byte("user"), int32(1), "subject"}),
			&amqpwire.Message{Properties: &amqpwire.Properties{UserID: []byte("user"), Subject: "subject"}},
		},
		"properties have more fields than there are": {
			slices.Concat(section(t, sectionProperties, make(amqpwire.List, 14)), section(t, sectionData, []byte("x"))),
			&amqpwire.Message{Data: [][]byte{[]byte("x")}},
		},
		"a section is none": {
			slices.Concat(section(t, sectionData, []byte("a")), section(t, badSection, "x"), section(t, sectionData, []byte("b"))),
			&amqpwire.Message{Data: [][]byte{[]byte("a"), []byte("b")}},
		},
		"the end is missing": {
			slices.Concat(section(t, sectionProperties, amqpwire.List{"id"}), section(t, sectionApplication, amqpwire.Map{{Key: "p", Value: "v"}}), section(t, sectionData, []byte("body"))[:6]),
			&amqpwire.Message{Properties: &amqpwire.Properties{MessageID: "id"}, ApplicationProperties: amqpwire.Map{{Key: "p", Value: "v"}}},
		},
		"two kinds of body": {
			slices.Concat(section(t, 0x76, amqpwire.List{"a"}), section(t, sectionData, []byte("x")), section(t, sectionValue, "v"), section(t, 0x76, amqpwire.List{"b"})),
			&amqpwire.Message{Sequences: []amqpwire.List{{"a"}, {"b"}}},
		},
		"a value, and then more": {
			slices.Concat(section(t, sectionAnnotations, amqpwire.Map{{Key: "a", Value: "v"}}), section(t, sectionValue, "v"), section(t, sectionValue, "w")),
			&amqpwire.Message{Annotations: amqpwire.Map{{Key: "a", Value: "v"}}, Value: "w"},
		},
		"nothing": {[]byte("GET / HTTP/1.1"), &amqpwire.Message{Data: [][]byte{[]byte("GET / HTTP/1.1")}}},
	} {
		if diff := cmp.Diff(tt.want, read(tt.payload)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
