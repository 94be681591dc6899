package conformance

import (
	"context"
	"strings"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/mqttwire"
)

const (
	choiceAgain    = "One that is not acknowledged comes again, marked DUP and with its old packet id, when its lock runs out or, uncounted, in the next connection"
	choiceTopics   = "a message to a topic that it does not know, one with QoS 2, and whatever breaks a rule of MQTT closes it"
	choiceReceiver = "Every connection over MQTT counts as a receiver, and is closed if another takes over, over AMQP or MQTT."
	comesAgain     = "it comes again, DUP, with its old packet id"
)

// mqttExperiments are about what devices see over MQTT.
var mqttExperiments = []experiment{
	{
		needs: service | device, sends: 1, try: tryMQTTLock,
		beliefs: []Belief{{
			Name: "over MQTT a message that is not acknowledged comes again when its lock runs out", Source: Inference, Choice: choiceAgain, Local: comesAgain,
		}},
	},
	{
		needs: service | device, sends: 2, try: tryMQTT,
		beliefs: []Belief{
			{Name: "the messages of a device are subscribed to with QoS 1", Source: docMQTT, Local: "QoS 1"},
			{
				Name: "a message's properties stand in its topic, %24.to before the sender's own", Source: docMQTT + "; Mqtt.java of the Java SDK reads it so",
				Local: "%24.mid, %24.to, iothub-ack, name",
			},
			{Name: "a null property has no equals sign in a topic", Source: docMQTT, Local: "name"},
			{Name: "over MQTT a PUBACK completes a message", Source: docMQTT, Choice: "Over MQTT, PUBACK completes a message", Local: string(iothub.Success)},
			{Name: "a session that was not clean is there in the next connection", Source: "the Python SDK subscribes once only; MQTT 3.1.1 §3.1.2.4", Local: "session present"},
			{Name: "over MQTT a message that is not acknowledged comes again in the next connection", Source: "MQTT 3.1.1 §4.4, and inference", Choice: choiceAgain, Local: comesAgain},
		},
	},
	{
		needs: service | device, sends: 1, try: tryQoS0,
		beliefs: []Belief{{
			Name: "to who subscribes with QoS 0 a message is complete once it is sent", Source: Inference,
			Choice: "subscribes with QoS 0, a message is complete once it is sent", Local: string(iothub.Success),
		}},
	},
	{
		needs: service | device, sends: 1, try: tryLongTopic,
		beliefs: []Belief{{
			Name: "a message whose properties do not fit into a topic is dead-lettered", Source: Inference,
			Choice: "A message with more properties than fit into an MQTT topic, which has 65535 bytes, is dead-lettered when it would have to be sent.",
			Local:  string(iothub.Rejected),
		}},
	},
	{
		needs: service | device, sends: 1, try: tryMQTTTakeover,
		beliefs: []Belief{
			{Name: "a second connection of a device over MQTT closes the first", Source: docErrors + ": 400027", Choice: choiceReceiver, Local: "closed"},
			{Name: "a receiver over AMQP closes a connection over MQTT", Source: Inference, Choice: choiceReceiver, Local: "closed"},
			{
				Name: "what a connection over MQTT had in its hands is ready at once for who has taken over", Source: Inference,
				Choice: "If the hub ends the connection, since another takes over or the token expires, it is ready at once.", Local: "at once, delivery count 0",
			},
			{Name: "a connection over MQTT displaces a receiver over AMQP", Source: Inference, Choice: choiceReceiver, Local: "amqp:link:stolen (409002)"},
		},
	},
}

// repeated says how a message came again.
func repeated(first, second *mqttwire.Publish) string {
	switch {
	case second == nil:
		return "it does not come again"
	case !second.Dup:
		return "it comes again, without DUP"
	case second.ID != first.ID:
		return "it comes again, DUP, with another packet id"
	}
	return comesAgain
}

func tryMQTTLock(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", ""))
	p := t.mqttDevice(ctx)
	p.listen(ctx, mqttwire.AtLeastOnce)
	first := p.take(ctx)
	t.saw(repeated(first, p.next(ctx, t.figures.Lock*3/2+t.figures.Soon)))
}

func tryMQTT(ctx context.Context, t *trial) {
	m := t.message("m", iothub.AckFull)
	m.Properties = map[string]any{"name": nil}
	p, _ := t.mqttSession(ctx)
	t.saw(p.listen(ctx, mqttwire.AtLeastOnce))
	t.put(ctx, m)
	got := p.take(ctx)
	names, last := bag(got.Topic)
	t.saw(names)
	t.saw(last)
	p.say(&mqttwire.PubAck{ID: got.ID})
	t.saw(t.report(ctx, "m"))

	t.put(ctx, t.message("again", ""))
	first := p.take(ctx)
	p.say(&mqttwire.Disconnect{})
	p.fate(ctx, t.figures.Soon)
	p, found := t.mqttSession(ctx)
	t.saw(found)
	t.saw(repeated(first, p.next(ctx, t.figures.Soon)))
	t.mqttDevice(ctx) // the session ends
}

// bag returns the names of the properties in a topic, and the last property.
func bag(topic string) (names, last string) {
	parts := strings.Split(topic[strings.LastIndex(topic, "/")+1:], "&")
	list := make([]string, len(parts))
	for i, part := range parts {
		list[i], _, _ = strings.Cut(part, "=")
	}
	return strings.Join(list, ", "), parts[len(parts)-1]
}

func tryQoS0(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", iothub.AckFull))
	p := t.mqttDevice(ctx)
	p.listen(ctx, mqttwire.AtMostOnce)
	p.take(ctx)
	t.saw(t.report(ctx, "m"))
}

func tryLongTopic(ctx context.Context, t *trial) {
	m := t.message("m", iothub.AckFull)
	const third = 65535/3 + 1 // each space takes three bytes
	m.Properties = map[string]any{"long": strings.Repeat(" ", third)}
	t.put(ctx, m)
	p := t.mqttDevice(ctx)
	p.listen(ctx, mqttwire.AtLeastOnce)
	t.saw(t.report(ctx, "m"))
}

func tryMQTTTakeover(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", ""))
	first := t.mqttDevice(ctx)
	second := t.mqttDevice(ctx)
	t.saw(first.fate(ctx, t.figures.Soon))
	second.listen(ctx, mqttwire.AtLeastOnce)
	second.take(ctx)
	l := t.receiver(ctx)
	t.saw(second.fate(ctx, t.figures.Soon))
	l.ask(ctx, l.again(ctx), &amqpwire.Accepted{})
	t.mqttDevice(ctx)
	t.saw(l.fate(ctx, t.figures.Soon))
}
