package conformance

import (
	"context"
	"strings"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/mqttwire"
)

const (
	choiceAgain    = "One that is not acknowledged comes again, marked DUP and with its old packet id, when its lock runs out or, uncounted, in the next connection."
	choiceTopics   = "a message to a topic that it does not know, one with QoS 2, and whatever breaks a rule of MQTT closes it"
	choiceReceiver = "Every connection over MQTT counts as a receiver, and is closed if another takes over, over AMQP or MQTT."
	again          = "it comes again, DUP, with its old packet id"
)

// mqttExperiments are about what devices see over MQTT.
var mqttExperiments = []experiment{
	{
		needs: service | device, sends: 1, try: tryMQTTLock,
		beliefs: []Belief{{
			Name: "over MQTT a message that is not acknowledged comes again when its lock runs out", Source: Inference, Choice: choiceAgain, Local: again,
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
			{Name: "over MQTT a message that is not acknowledged comes again in the next connection", Source: "MQTT 3.1.1 §4.4, and inference", Choice: choiceAgain, Local: again},
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
	{
		needs: device, try: tryTopics,
		beliefs: []Belief{
			{Name: "a subscription that the hub does not know is refused", Source: docMQTT, Choice: "A subscription that IoT Hub does not know is refused, and the connection stays", Local: "refused"},
			{Name: "after a subscription was refused the connection stays", Source: Inference, Choice: "and the connection stays", Local: "it stays"},
			{Name: "telemetry with the flag retain is taken", Source: docMQTT, Choice: "What is retained is not: the flag means nothing.", Local: "acknowledged"},
			{Name: "a message to a topic that the hub does not know closes the connection", Source: docMQTT + ", and inference", Choice: choiceTopics, Local: "closed"},
			{Name: "a message with QoS 2 closes the connection", Source: docMQTT, Choice: choiceTopics, Local: "closed"},
		},
	},
	{
		needs: device, try: tryLogins,
		beliefs: []Belief{
			{Name: "a will that is no telemetry is refused", Source: docMQTT + ", the code is inferred", Choice: "A will must be telemetry.", Local: "code 5"},
			{Name: "a will that is telemetry is taken", Source: docMQTT, Choice: "A will must be telemetry.", Local: "code 0"},
			{Name: "the id of an MQTT client must be that in its user name", Source: docMQTT + ", the code is inferred", Choice: "The id of an MQTT client must be that in its user name", Local: "code 4"},
			{Name: "the hub's name in the user of MQTT is not looked at", Source: Inference, Choice: "The hub named in the user of SASL PLAIN, or of MQTT, is not looked at.", Local: "code 0"},
			{Name: "the api-version may be missing in the user of MQTT", Source: "amenzhinsky/iothub has no question mark before it, and inference", Choice: "of which the rest does not matter", Local: "code 0"},
			{Name: "a client id with a + is refused", Source: Inference, Choice: "One with + or # is refused: no topic can hold it.", Local: "code 2"},
			{Name: "a wrong password is refused", Source: docMQTT, Local: "code 5"},
		},
	},
	{
		needs: device, try: tryEndOfPassword,
		beliefs: []Belief{{
			Name: "when its token ends, a connection over MQTT is closed", Source: docMQTT, Choice: "A connection over MQTT is closed.", Local: "closed",
		}},
	},
	{
		needs: device, try: trySubprotocols,
		beliefs: []Belief{
			{Name: "AMQP over WebSocket may be offered as AMQPWSB10", Source: "all SDKs", Choice: "AMQP over WebSocket may be offered as AMQPWSB10 or as amqp", Local: "AMQPWSB10"},
			{Name: "AMQP over WebSocket may be offered as amqp", Source: "the OASIS draft AMQP WebSocket Binding, and inference", Choice: "the answer is spelled like the offer", Local: "amqp"},
			{Name: "of AMQP and MQTT over WebSocket AMQP is taken", Source: Inference, Choice: "It is preferred to MQTT.", Local: "AMQPWSB10"},
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
	return again
}

func tryMQTTLock(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", ""))
	p := t.mqttDevice(ctx)
	p.listen(ctx, mqttwire.AtLeastOnce)
	first := p.take(ctx)
	t.saw("%s", repeated(first, p.next(ctx, t.figures.Lock*3/2+t.figures.Soon)))
}

func tryMQTT(ctx context.Context, t *trial) {
	m := t.message("m", iothub.AckFull)
	m.Properties = map[string]any{"name": nil}
	p, _ := t.mqttSession(ctx)
	t.saw("%s", p.listen(ctx, mqttwire.AtLeastOnce))
	t.put(ctx, m)
	got := p.take(ctx)
	names, last := bag(got.Topic)
	t.saw("%s", names)
	t.saw("%s", last)
	p.say(&mqttwire.PubAck{ID: got.ID})
	t.saw("%s", t.report(ctx, "m"))

	t.put(ctx, t.message("again", ""))
	first := p.take(ctx)
	p.say(&mqttwire.Disconnect{})
	p.fate(ctx, t.figures.Soon)
	p, found := t.mqttSession(ctx)
	t.saw("%s", found)
	t.saw("%s", repeated(first, p.next(ctx, t.figures.Soon)))
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
	t.saw("%s", t.report(ctx, "m"))
}

func tryLongTopic(ctx context.Context, t *trial) {
	m := t.message("m", iothub.AckFull)
	const third = 65535/3 + 1 // each space takes three bytes
	m.Properties = map[string]any{"long": strings.Repeat(" ", third)}
	t.put(ctx, m)
	p := t.mqttDevice(ctx)
	p.listen(ctx, mqttwire.AtLeastOnce)
	t.saw("%s", t.report(ctx, "m"))
}

func tryMQTTTakeover(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", ""))
	first := t.mqttDevice(ctx)
	second := t.mqttDevice(ctx)
	t.saw("%s", first.fate(ctx, t.figures.Soon))
	second.listen(ctx, mqttwire.AtLeastOnce)
	second.take(ctx)
	l := t.receiver(ctx)
	t.saw("%s", second.fate(ctx, t.figures.Soon))
	l.ask(ctx, l.again(ctx), &amqpwire.Accepted{})
	t.mqttDevice(ctx)
	how := l.lost(ctx, t.figures.Soon)
	if how == "" {
		how = "it stays attached"
	}
	t.saw("%s", how)
}

func tryTopics(ctx context.Context, t *trial) {
	events := "devices/" + t.subject.id() + "/messages/events/"
	p := t.mqttDevice(ctx)
	t.saw("%s", p.subscribe(ctx, "devices/"+t.id("nobody")+"/messages/devicebound/#", mqttwire.AtLeastOnce))
	t.saw("%s", p.alive(ctx))
	p.say(&mqttwire.Publish{QoS: mqttwire.AtLeastOnce, Retain: true, Topic: events, ID: 1, Payload: []byte("telemetry")})
	if _, ok, _ := awaitPacket[*mqttwire.PubAck](ctx, p, t.figures.Soon); ok {
		t.saw("acknowledged")
	} else {
		t.saw("not acknowledged")
	}
	p.say(&mqttwire.Publish{QoS: mqttwire.AtLeastOnce, Topic: "devices/" + t.subject.id() + "/nothing", ID: 2})
	t.saw("%s", p.fate(ctx, t.figures.Soon))
	p = t.mqttDevice(ctx)
	p.say(&mqttwire.Publish{QoS: mqttwire.ExactlyOnce, Topic: events, ID: 3})
	t.saw("%s", p.fate(ctx, t.figures.Soon))
}

func tryLogins(ctx context.Context, t *trial) {
	id := t.subject.id()
	for _, change := range []func(c *mqttwire.Connect){
		func(c *mqttwire.Connect) { c.Will = &mqttwire.Will{Topic: "devices/" + id + "/nothing"} },
		func(c *mqttwire.Connect) { c.Will = &mqttwire.Will{Topic: "devices/" + id + "/messages/events/"} },
		func(c *mqttwire.Connect) { c.Username = new(t.run.host() + "/" + id + "x/?api-version=2021-04-12") },
		func(c *mqttwire.Connect) { c.Username = new("another/" + id + "/?api-version=2021-04-12") },
		func(c *mqttwire.Connect) { c.Username = new(t.run.host() + "/" + id) },
		func(c *mqttwire.Connect) {
			c.ClientID += "+"
			c.Username = new(t.run.host() + "/" + id + "+/?api-version=2021-04-12")
		},
		func(c *mqttwire.Connect) { c.Password = mqttwire.Password("no token") },
	} {
		c := t.mqttLogin()
		change(c)
		p, answer := t.mqttConnect(ctx, c)
		t.saw("%s", codeText(answer))
		p.say(&mqttwire.Disconnect{})
	}
}

func tryEndOfPassword(ctx context.Context, t *trial) {
	t.needsKey()
	const grace = 5 * time.Minute
	c := t.mqttLogin()
	c.Password = mqttwire.Password(t.subject.tokenFor(t.subject.cs.Resource(), time.Now().Add(t.figures.Expiry-grace)).Reveal())
	p, answer := t.mqttConnect(ctx, c)
	if answer == nil || answer.Code != mqttwire.Accepted {
		t.stop("a token that has just ended: %s", codeText(answer))
	}
	t.saw("%s", p.fate(ctx, t.figures.Expiry+t.figures.Soon))
}

func trySubprotocols(ctx context.Context, t *trial) {
	for _, offered := range [][]string{{subprotocolAMQP}, {"amqp"}, {subprotocolMQTT, subprotocolAMQP}} {
		limited, cancel := context.WithTimeout(ctx, patience)
		c, chosen, err := t.run.target.webSocket(limited, offered...)
		cancel()
		if err != nil {
			t.saw("%v", bare(err))
			continue
		}
		_ = c.Close() // nothing more is wanted from it
		t.saw("%s", chosen)
	}
}
