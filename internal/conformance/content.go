package conformance

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"iothub-c2d/internal/amqpwire"
)

// maxContent is what a message may hold. Source: docMessages.
const maxContent = 64 << 10

const choiceSize = "The 64 KB of a message are its body, the text of its system properties (the recipient's path too), and names and values of the others."

// contentExperiments are about what is in a message, and what becomes of it.
var contentExperiments = []experiment{
	{
		needs: service | device, sends: 4, try: trySize,
		beliefs: []Belief{
			{Name: "64 KB are body, system properties, the recipient's path, and the names and values of the others", Source: docMessages, Choice: choiceSize, Local: accepted},
			{
				Name: "one byte more than 64 KB is refused", Source: docMessages + "; amqp_common_errors.ts of the Node SDK", Choice: choiceSize,
				Local: "amqp:link:message-size-exceeded (413001)",
			},
			{Name: "times and annotations do not count towards the 64 KB", Source: Inference, Choice: "Times, numbers and annotations are free.", Local: accepted},
			{
				Name: "an encoded message of more than 262144 bytes costs the sender the link", Source: "max-message-size of attach, seen on the wire; AMQP 1.0 part 2 §2.8.16",
				Choice: "an encoded message has 262144 bytes at most: a larger one costs the sender the link",
				Local:  "the link was detached: amqp:link:message-size-exceeded (413001)",
			},
		},
	},
	{
		needs: service | device, sends: 1, try: tryContent,
		beliefs: []Belief{
			{Name: "the header and the delivery annotations are taken off", Source: Inference, Choice: "The header, the delivery annotations and annotations of the hub's own names are taken off a message.", Local: "both are taken off"},
			{Name: "annotations of the sender's are passed on", Source: "the Node SDK sends some (iothub-interface-id)", Local: "x-opt-own is passed on"},
			{Name: "an annotation with a name of the hub's own is replaced", Source: Inference, Choice: "annotations of the hub's own names", Local: "delivery count 0"},
			{Name: "properties, body and footer are passed on byte for byte", Source: Inference, Choice: "Properties, body and footer are passed on byte for byte.", Local: "all are the same"},
			{Name: "iothub-ack is passed on to the device", Source: "azure-iot-sdks issue 936, a trace", Local: "iothub-ack full"},
			{
				Name: "the hub stamps sequence number, time and delivery count, in these types", Source: "azure-iot-sdks issue 936, a trace; the C# SDK reads no other types",
				Local: "x-opt-sequence-number uint64, iothub-enqueuedtime amqpwire.Timestamp, iothub-deliverycount uint8",
			},
			{Name: "the tag of a delivery is a GUID", Source: "the C# SDK makes a Guid of it; azure-iot-sdks issue 936", Local: "16 bytes"},
		},
	},
	{
		needs: service | device, sends: 1, try: trySender,
		beliefs: []Belief{
			{Name: "a sender is granted 100 messages of credit", Source: Inference + "; seen on $cbs", Choice: "100 messages of credit", Local: "credit 100"},
			{Name: "an attach may name the hub as well as the path, in any case", Source: "the C# SDK sends amqps://HUB:5671/messages/deviceBound", Local: attached},
			{
				Name: "a message is settled at once, also for a sender that asks for rcv-settle-mode second", Source: Inference,
				Choice: "What the hub receives it settles at once, also for a sender that asks for rcv-settle-mode second.", Local: "accepted, settled",
			},
		},
	},
}

// sizeOf returns how many bytes a message counts as, without its body.
func sizeOf(m *amqpwire.Message) int {
	id, _ := m.Properties.MessageID.(string)
	return len(id) + len(m.Properties.To)
}

func trySize(ctx context.Context, t *trial) {
	var out *link
	try := func(m *amqpwire.Message, bodySize int) {
		m.Data = [][]byte{bytes.Repeat([]byte("x"), bodySize)}
		text := ""
		out, text = t.sendNext(ctx, out, m)
		t.saw(text)
	}
	m := t.raw("m")
	fits := maxContent - sizeOf(m)
	try(m, fits)
	try(m, fits+1)
	m.Annotations = amqpwire.Map{{Key: amqpwire.Symbol("x-opt-long"), Value: strings.Repeat("x", 1000)}}
	m.Properties.CreationTime = new(amqpwire.Timestamp(1))
	try(m, fits)
	const maxEncoded = 262144
	try(t.raw("m"), maxEncoded)
}

// content returns a message with something in each of its parts.
func (t *trial) content() *amqpwire.Message {
	m := t.raw("m")
	m.Header = &amqpwire.Header{Durable: true, Priority: new(uint8(7)), TTL: new(uint32(3_600_000))}
	m.DeliveryAnnotations = amqpwire.Map{{Key: amqpwire.Symbol("x-opt-there"), Value: "there"}}
	m.Annotations = amqpwire.Map{
		{Key: amqpwire.Symbol("x-opt-own"), Value: "own"}, {Key: amqpwire.Symbol("iothub-deliverycount"), Value: uint8(200)},
	}
	m.Properties.Subject, m.Properties.GroupID, m.Properties.GroupSequence = "subject", "group", new(uint32(3))
	m.Properties.CorrelationID, m.Properties.UserID = amqpwire.UUID{1, 2, 3}, []byte{0, 1, 2}
	m.Properties.CreationTime, m.Properties.ContentType = new(amqpwire.Timestamp(1)), "text/plain"
	m.ApplicationProperties = amqpwire.Map{
		{Key: "iothub-ack", Value: "full"}, {Key: "flag", Value: true}, {Key: "figure", Value: 2.5}, {Key: "text", Value: "ä"},
	}
	m.Data = [][]byte{[]byte("one"), []byte("two")}
	m.Footer = amqpwire.Map{{Key: amqpwire.Symbol("x-opt-sum"), Value: int32(1)}}
	return m
}

func tryContent(ctx context.Context, t *trial) {
	sent := t.content()
	if text := t.sendRaw(ctx, t.sender(ctx), sent); text != accepted {
		t.stop("%s", text)
	}
	l := t.receiver(ctx)
	d := l.take(ctx)
	got := d.message
	switch {
	case got.Header == nil && got.DeliveryAnnotations == nil:
		t.saw("both are taken off")
	case got.Header == nil:
		t.saw("the header is taken off")
	case got.DeliveryAnnotations == nil:
		t.saw("the delivery annotations are taken off")
	default:
		t.saw("neither is taken off")
	}
	if got.Annotations.String("x-opt-own") == "own" {
		t.saw("x-opt-own is passed on")
	} else {
		t.saw("x-opt-own is taken off")
	}
	t.sawf("delivery count %v", countOf(d))
	t.saw(changes(t, sent, d.payload))
	t.sawf("iothub-ack %s", got.ApplicationProperties.String("iothub-ack"))
	t.saw(stamps(got.Annotations))
	t.sawf("%d bytes", len(d.DeliveryTag))
	l.ask(ctx, d, &amqpwire.Accepted{})
}

// changes says which sections of a message have changed on the way.
func changes(t *trial, sent *amqpwire.Message, payload []byte) string {
	b, err := sent.Append(nil)
	t.check(err)
	before, err := amqpwire.SplitMessage(b)
	t.check(err)
	after, err := amqpwire.SplitMessage(payload)
	t.check(err)
	var changed []string
	for _, s := range []struct {
		name          string
		before, after []byte
	}{
		{"properties", before.Properties, after.Properties},
		{"application properties", before.ApplicationProperties, after.ApplicationProperties},
		{"body", before.Body, after.Body},
		{"footer", before.Footer, after.Footer},
	} {
		if !bytes.Equal(s.before, s.after) {
			changed = append(changed, s.name)
		}
	}
	if changed == nil {
		return "all are the same"
	}
	return "not the same: " + strings.Join(changed, ", ")
}

// stamps names the types of the hub's annotations.
func stamps(m amqpwire.Map) string {
	var list []string
	for _, name := range []string{"x-opt-sequence-number", "iothub-enqueuedtime", "iothub-deliverycount"} {
		v, _ := m.Get(name)
		list = append(list, fmt.Sprintf("%s %T", name, v))
	}
	return strings.Join(list, ", ")
}

func trySender(ctx context.Context, t *trial) {
	p := t.login(ctx, t.run.token())
	a := sending(serviceAddress)
	a.RcvSettleMode = new(amqpwire.ReceiverSecond)
	out := p.mustAttach(ctx, a)
	out.awaitCredit(ctx)
	t.sawf("credit %d", out.limit)
	t.saw(p.tryAttach(ctx, sending("amqps://"+t.run.host()+":5671/Messages/deviceBound")))
	text, settled := t.sendSettling(ctx, out, func() *amqpwire.Message { return t.raw("m") })
	if settled {
		text += ", settled"
	}
	t.saw(text)
}
